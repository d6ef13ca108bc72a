/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp_cut.h - a TCP proxy on the loopback that cuts connections where a test wants it.
 *
 * It watches what clients send for a word (bytes, no matter where a packet ends) and, once armed, does
 * something when it passes.  Each arming works once; cut_count() tells whether it has.
 */
#pragma once

typedef enum cut_how {
	CUT_NOTHING,
	CUT_BEFORE,  /* the word never reaches the server: both ends closed */
	CUT_ANSWER,  /* the server gets the word and answers; the client never hears it */
	CUT_DELAYED, /* the client is cut off at once, the server gets the word 150 ms later */
} cut_how;

typedef struct tcp_cut tcp_cut;

/* To a port on 127.0.0.1. */
tcp_cut *tcp_cut_new(int server_port, const char *word);
void tcp_cut_free(tcp_cut *cut); /* closes everything */

int tcp_cut_port(const tcp_cut *cut);
void tcp_cut_arm(tcp_cut *cut, cut_how how);
int tcp_cut_count(tcp_cut *cut);
