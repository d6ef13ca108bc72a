# SPDX-License-Identifier: Apache-2.0
"""Who removes or renames anything below a directory: inotify on it and on all its directories, also later ones."""
import ctypes
import os
import re
import select
import struct
import threading

IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_Q_OVERFLOW, IN_IGNORED, IN_ISDIR = 0x4000, 0x8000, 0x40000000
MASK = IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
EVENT = struct.Struct("iIII")

# Small files of checks and proofs, which their makers remove, and what the file systems keep for themselves.
OWN_FILES = re.compile(r"\.nova-lite-(nonce|check|lock)\.[^/]+|\.nova-lite-fsid\.[^/]+|\.glusterfs/.*|(.*/)?\.nfs[0-9a-f]+")
LIBC = ctypes.CDLL(None, use_errno=True)


class UnlinkWatch(threading.Thread):
    """events: what went, as paths below the directory; own files are left out."""

    def __init__(self, top):
        super().__init__(daemon=True)
        self.top, self.events, self.seen, self.ended = top, [], 0, threading.Event()
        self.fd = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.fd >= 0, os.strerror(ctypes.get_errno())
        self.directories = {}
        self.add(top)

    def add(self, directory):
        if os.path.basename(directory) == ".glusterfs":
            return
        number = LIBC.inotify_add_watch(self.fd, os.fsencode(directory), MASK)
        if number < 0:
            return  # it went again
        self.directories[number] = directory
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                self.add(entry.path)

    def note(self, number, mask, name):
        assert not mask & IN_Q_OVERFLOW, "events were lost"
        directory = self.directories.get(number)
        if directory is None or mask & IN_IGNORED:
            return
        path = os.path.relpath(os.path.join(directory, name), self.top)
        self.seen += 1
        if mask & IN_ISDIR and mask & (IN_CREATE | IN_MOVED_TO):
            self.add(os.path.join(directory, name))
        if mask & (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF) and not OWN_FILES.fullmatch(path):
            self.events.append(path)

    def drain(self):
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, _, length = EVENT.unpack_from(data, at)
                name = data[at + EVENT.size:at + EVENT.size + length].rstrip(b"\0").decode()
                at += EVENT.size + length
                self.note(number, mask, name)

    def run(self):
        while not self.ended.is_set():
            if select.select([self.fd], [], [], 0.1)[0]:
                self.drain()

    def stop(self):
        """What went."""
        self.ended.set()
        self.join()
        self.drain()
        os.close(self.fd)
        return self.events


class no_unlinks:
    """with no_unlinks(directory): nothing of a guest's is removed or renamed meanwhile."""

    def __init__(self, top):
        self.watch = UnlinkWatch(top)

    def __enter__(self):
        self.watch.start()
        return self.watch

    def __exit__(self, kind, error, trace):
        events = self.watch.stop()
        if kind is None:
            assert not events, "removed: %s" % events
            assert self.watch.seen > 0, "the watch has seen nothing at all, not even the heartbeat's own files"
