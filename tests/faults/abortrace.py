# SPDX-License-Identifier: Apache-2.0
"""An abort against the end of a migration, 200 times: one of them is first, and everybody is told the same."""
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from novalab import Lab, Refused, main, until  # noqa: E402

ROUNDS = int(os.environ.get("NOVA_LITE_RACE_ROUNDS", "200"))
SEED = int(os.environ.get("NOVA_LITE_RACE_SEED", str(random.randrange(1 << 30))))
WIDTH = 0.2   # an abort comes at random within this time around the end, which three moves that nobody disturbs show ...
STEP = 0.02   # ... and which follows the outcomes by this part of it, so that both are seen also when the machine is loaded

lab = Lab("abortrace", "--set", "DEFAULT.report_interval=2", "--set", "DEFAULT.service_down_time=8")
api = lab.api


def other(host):
    return "HostC" if host == "HostB" else "HostB"


def abort(uuid, number):
    """The answer: 202, or the status and text of the refusal."""
    try:
        api.request("DELETE", "/servers/%s/migrations/%d" % (uuid, number))
    except Refused as refused:
        return refused.status, refused.message
    return 202, ""


def under_way(uuid, host):
    """A migration whose permit has just been given."""
    number = api.live_migrate(uuid, other(host))
    for _ in until(60, lambda: api.migration(uuid, number), pause=0.003):
        if api.migration(uuid, number)["state"] not in ("requested", "claimed", "checked", "preparing", "prepared"):
            return number


def usual_time(uuid, host):
    """(from the permit to the end, where the guest is then)"""
    times = []
    for _ in range(3):
        number = under_way(uuid, host)
        began = time.monotonic()
        for _ in until(60, lambda: api.migration(uuid, number), pause=0.003):
            if api.migration(uuid, number)["state"] in ("switched", "cleaning", "done"):
                break
        times.append(time.monotonic() - began)
        assert api.wait_migration(uuid, number)["state"] == "done"
        host = other(host)
    return sorted(times)[1], host


def one_round(uuid, host, middle, rng):
    """(answer, its text, the migration) of one race; it is over when it returns."""
    number = under_way(uuid, host)
    time.sleep(max(0, middle + rng.uniform(-WIDTH / 2, WIDTH / 2)))
    status, text = abort(uuid, number)
    migration = None
    for _ in until(60, lambda: "%s: %s" % (number, migration), pause=0.01):
        migration = api.migration(uuid, number)
        if migration["state"] in ("done", "failed", "cancelled", "error"):
            return status, text, migration


def one_truth(uuid, host, status, text, migration):
    """What the caller of the abort was told, what the row says and where the guest is: the same."""
    state, answer = migration["state"], "abort answered %d (%s), %s" % (status, text, migration)
    if status == 202:
        assert state == "cancelled", answer
        assert migration["reason"] == "aborted on request", answer
    else:
        assert state == "done", answer
        # 400: it came while the end was being settled; 409 and 404, as Nova: no migration is in progress any more
        assert status in (400, 404, 409), answer
        assert status != 400 or "too late" in text, answer
    home = host if state == "cancelled" else other(host)
    server = api.wait_status(uuid, "ACTIVE", 30)
    assert server["OS-EXT-SRV-ATTR:host"] == home, (home, server["OS-EXT-SRV-ATTR:host"], answer)
    assert lab.domain_state(home, uuid) == "running", answer
    assert lab.domain_state(other(home), uuid) == "absent", answer
    return home


def abort_against_the_end():
    rng = random.Random(SEED)
    uuid = api.boot("racer", host="HostB")
    lab.wait_counting(uuid, 5)
    middle, host = usual_time(uuid, "HostB")
    outcomes, slowest = {}, 0
    began = time.monotonic()
    with lab.checker():
        for _ in range(ROUNDS):
            at = time.monotonic()
            status, text, migration = one_round(uuid, host, middle, rng)
            host = one_truth(uuid, host, status, text, migration)
            outcome = "cancelled" if status == 202 else "completed, %d" % status
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            middle *= 1 + STEP if status == 202 else 1 - STEP
            slowest = max(slowest, time.monotonic() - at)
        took = time.monotonic() - began
        report = lab.serial(uuid)
        assert report["ok"], report["text"]
        counted = int(report["counter"])
    again = lab.serial(uuid)
    assert again["ok"] and int(again["counter"]) > counted, again["text"]
    lab.check_books()
    late = sum(n for outcome, n in outcomes.items() if outcome != "cancelled")
    assert outcomes.get("cancelled", 0) >= ROUNDS // 10, "hardly ever in time: %s" % outcomes
    assert late >= ROUNDS // 10, "hardly ever too late: %s" % outcomes
    said = ", ".join("%s %d" % pair for pair in sorted(outcomes.items()))
    return "%d rounds, %.2f s each (slowest %.1f s), seed %d: %s" % (ROUNDS, took / ROUNDS, slowest, SEED, said)


try:
    status = main([abort_against_the_end])
finally:
    lab.down()
sys.exit(status)
