/* SPDX-License-Identifier: Apache-2.0 */
#include "common/workers.h"

#include "unit.h"

/* What the jobs of one test share. */
typedef struct board {
	GMutex lock;
	GCond changed;
	GString *order; /* one letter for each job that ran */
	bool open;      /* jobs at the gate may go on */
	unsigned at_gate, inside, most_inside, freed;
} board;

static int set_up(void **state)
{
	board *b = g_new0(board, 1);

	g_mutex_init(&b->lock);
	g_cond_init(&b->changed);
	b->order = g_string_new(NULL);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	board *b = *state;

	g_mutex_clear(&b->lock);
	g_cond_clear(&b->changed);
	g_string_free(b->order, TRUE);
	g_free(b);
	return 0;
}

typedef struct note {
	board *b;
	char letter;
} note;

static note *new_note(board *b, char letter)
{
	note *n = g_new0(note, 1);

	*n = (note){ b, letter };
	return n;
}

static void free_note(void *data)
{
	note *n = data;

	g_mutex_lock(&n->b->lock);
	n->b->freed++;
	g_mutex_unlock(&n->b->lock);
	g_free(n);
}

static void write_letter(void *data)
{
	note *n = data;

	g_mutex_lock(&n->b->lock);
	g_string_append_c(n->b->order, n->letter);
	g_cond_broadcast(&n->b->changed);
	g_mutex_unlock(&n->b->lock);
}

/* Waits until the test opens the gate. */
static void pass_gate(void *data)
{
	note *n = data;
	board *b = n->b;

	g_mutex_lock(&b->lock);
	b->at_gate++;
	g_cond_broadcast(&b->changed);
	while (!b->open)
		g_cond_wait(&b->changed, &b->lock);
	g_string_append_c(b->order, n->letter);
	g_mutex_unlock(&b->lock);
}

static void wait_at_gate(board *b, unsigned jobs)
{
	int64_t until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

	g_mutex_lock(&b->lock);
	while (b->at_gate < jobs)
		assert_true(g_cond_wait_until(&b->changed, &b->lock, until));
	g_mutex_unlock(&b->lock);
}

static void open_gate(board *b)
{
	g_mutex_lock(&b->lock);
	b->open = true;
	g_cond_broadcast(&b->changed);
	g_mutex_unlock(&b->lock);
}

static void submit(nova_workers *w, const char *key, nova_job run, board *b, char letter)
{
	g_autoptr(GError) error = NULL;

	assert_ok(nova_workers_submit(w, key, run, new_note(b, letter), free_note, &error), error);
}

static void kick(nova_workers *w, const char *key, nova_job run, board *b, char letter)
{
	g_autoptr(GError) error = NULL;

	assert_ok(nova_workers_kick(w, key, run, new_note(b, letter), free_note, &error), error);
}

static void test_one_key_keeps_its_order(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 4, 1000);

	for (int i = 0; i < 26; i++)
		submit(w, "key", write_letter, b, (char)('a' + i));
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_string_equal(b->order->str, "abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(b->freed, 26);
	nova_workers_free(w);
}

static void enter_and_leave(void *data)
{
	note *n = data;
	board *b = n->b;

	g_mutex_lock(&b->lock);
	b->inside++;
	b->most_inside = MAX(b->most_inside, b->inside);
	g_mutex_unlock(&b->lock);
	g_usleep(200);
	g_mutex_lock(&b->lock);
	b->inside--;
	g_mutex_unlock(&b->lock);
}

static void test_jobs_of_a_key_never_overlap(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 8, 1000);

	for (int i = 0; i < 100; i++)
		submit(w, "key", enter_and_leave, b, 'x');
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_int_equal(b->most_inside, 1);
	assert_int_equal(b->freed, 100);
	nova_workers_free(w);
}

/* Four keys at a gate nobody opens can only all get there when they run beside each other. */
static void test_different_keys_run_beside_each_other(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 4, 1000);
	nova_workers_load load;

	submit(w, "a", pass_gate, b, 'a');
	submit(w, "b", pass_gate, b, 'b');
	submit(w, NULL, pass_gate, b, 'c');
	submit(w, NULL, pass_gate, b, 'd');
	submit(w, "a", write_letter, b, 'A');
	wait_at_gate(b, 4);
	load = nova_workers_get_load(w);
	assert_int_equal(load.running, 4);
	assert_int_equal(load.queued, 1);
	open_gate(b);
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_true(strchr(b->order->str, 'A') > strchr(b->order->str, 'a'));
	nova_workers_free(w);
}

/* A key with many jobs lets another key in after each of them. */
static void test_keys_take_turns(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 1, 1000);

	submit(w, "gate", pass_gate, b, '.');
	wait_at_gate(b, 1);
	for (int i = 0; i < 3; i++)
		submit(w, "busy", write_letter, b, 'b');
	submit(w, "other", write_letter, b, 'o');
	open_gate(b);
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_string_equal(b->order->str, ".bobb");
	nova_workers_free(w);
}

static void test_a_kick_that_waits_swallows_others(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 2, 1000);

	submit(w, "key", pass_gate, b, '.');
	wait_at_gate(b, 1);
	kick(w, "key", write_letter, b, '1');
	kick(w, "key", write_letter, b, '2'); /* dropped */
	kick(w, "key", pass_gate, b, '3');    /* another function: not the same kick */
	submit(w, "key", write_letter, b, '4'); /* no kick: kept */
	kick(w, "other", write_letter, b, '5'); /* another key: kept */
	open_gate(b);
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_null(strchr(b->order->str, '2'));
	assert_int_equal(b->order->len, 5);
	assert_int_equal(b->freed, 6);
	nova_workers_free(w);
}

/* A kick that already runs may have looked before the news came: the next one must be kept. */
static void test_a_running_kick_does_not_swallow(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 2, 1000);

	kick(w, "key", pass_gate, b, '1');
	wait_at_gate(b, 1);
	kick(w, "key", pass_gate, b, '2');
	kick(w, "key", pass_gate, b, '3');
	open_gate(b);
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_string_equal(b->order->str, "12");
	nova_workers_free(w);
}

static void test_a_full_queue_refuses(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 1, 2);
	g_autoptr(GError) error = NULL;

	submit(w, "gate", pass_gate, b, '.');
	wait_at_gate(b, 1);
	submit(w, "a", write_letter, b, 'a');
	submit(w, "b", write_letter, b, 'b');
	assert_false(nova_workers_submit(w, "c", write_letter, new_note(b, 'c'), free_note, &error));
	assert_fault(error, NOVA_FAULT_INTERNAL);
	assert_int_equal(b->freed, 1);
	open_gate(b);
	assert_true(nova_workers_drain(w, nova_deadline_in_ms(5000)));
	assert_string_equal(b->order->str, ".ab");
	nova_workers_free(w);
}

static void test_drain_gives_up_at_its_deadline(void **state)
{
	board *b = *state;
	nova_workers *w = nova_workers_new("test", 1, 1000);
	g_autoptr(GError) error = NULL;

	submit(w, "key", pass_gate, b, '.');
	wait_at_gate(b, 1);
	submit(w, "key", write_letter, b, 'k');
	submit(w, "other", write_letter, b, 'o');
	submit(w, NULL, write_letter, b, 'n');
	assert_false(nova_workers_drain(w, nova_deadline_in_ms(20)));
	assert_int_equal(b->freed, 3); /* thrown away */
	assert_false(nova_workers_submit(w, "key", write_letter, new_note(b, 'x'), free_note, &error));
	assert_contains(error->message, "stopping");
	open_gate(b);
	nova_workers_free(w);
	assert_string_equal(b->order->str, ".");
	assert_int_equal(b->freed, 5);
}

typedef struct chain {
	nova_workers *w;
	int left;
} chain;

static void next_link(void *data)
{
	chain *c = data;

	if (--c->left > 0)
		nova_workers_submit(c->w, "chain", next_link, c, NULL, NULL);
}

static void test_jobs_may_submit_jobs(void **state)
{
	nova_workers *w = nova_workers_new("test", 2, 1000);
	chain c = { w, 500 };

	(void)state;
	assert_true(nova_workers_submit(w, "chain", next_link, &c, NULL, NULL));
	for (int i = 0; i < 5000 && (nova_workers_get_load(w).queued || nova_workers_get_load(w).running); i++)
		g_usleep(1000);
	assert_int_equal(c.left, 0);
	nova_workers_free(w);
	nova_workers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_key_keeps_its_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jobs_of_a_key_never_overlap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_different_keys_run_beside_each_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keys_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_kick_that_waits_swallows_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_running_kick_does_not_swallow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_full_queue_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_drain_gives_up_at_its_deadline, set_up, tear_down),
		cmocka_unit_test(test_jobs_may_submit_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
