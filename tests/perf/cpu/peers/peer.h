// The side of a peer in the protocol that docs/performance.md describes: a program includes this file and defines the
// four functions below; main is here. Lines come in on standard input and each is answered by one line:
//
//   list ROW              variants [NAME ...]     the ways in which the peer computes the row, none if it cannot
//   open ROW ; VARIANT    ok BYTES | no REASON    makes the data; BYTES are those of the weights or keys and values
//   time SECONDS          ns N N ...              nanoseconds of single calls: three at least,
//                                                 unless they take three times the time
//   close                 ok
//
// A ROW is a word and key=value pairs: "gemm type=f32 n=1024".
#ifndef PEER_H
#define PEER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct row {
	char text[256];
};

// row_word gives the value of a key, or the kind of the row for "", into a buffer of 32 bytes; other if it is not there.
static inline const char *row_word(const struct row *r, const char *key, const char *other, char *into)
{
	size_t n = strlen(key);
	const char *p = r->text;
	for (int first = 1; *p; first = 0) {
		size_t len = strcspn(p, " ");
		const char *value = first && n == 0 ? p : !first && n > 0 && len > n && !strncmp(p, key, n) && p[n] == '=' ? p + n + 1 : NULL;
		if (value) {
			size_t v = len - (size_t)(value - p);
			if (v > 31)
				v = 31;
			memcpy(into, value, v);
			into[v] = 0;
			return into;
		}
		p += len;
		p += strspn(p, " ");
	}
	strcpy(into, other);
	return into;
}

static inline int row_is(const struct row *r, const char *key, const char *value)
{
	char b[32];
	return !strcmp(row_word(r, key, "", b), value);
}

static inline long row_number(const struct row *r, const char *key, long other)
{
	char b[32];
	row_word(r, key, "", b);
	return *b ? atol(b) : other;
}

// What a program defines. peer_list appends the names of variants to names (of 512 bytes), each after a space. peer_open
// gives NULL or why it cannot. peer_run makes one call and says how many times it did the row's work.
static void peer_list(const struct row *r, char *names);
static const char *peer_open(const struct row *r, const char *variant, double *bytes);
static int peer_run(void);
static void peer_close(void);

static inline int peer_threads(void)
{
	const char *t = getenv("THREADS");
	return t && atoi(t) > 0 ? atoi(t) : 1;
}

static double peer_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// peer_random is a number from -1 to 1.
static inline float peer_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (float)((int64_t)(*state >> 33) - (1ll << 30)) / (float)(1ll << 30);
}

static void peer_time(double seconds)
{
	double began = peer_now();
	int calls = 0;
	peer_run();
	printf("ns");
	for (;;) {
		double spent = peer_now() - began;
		if (calls > 0 && (calls >= 2000 || spent > 3 * seconds || (calls >= 3 && spent > seconds)))
			break;
		double t = peer_now();
		int times = peer_run();
		printf(" %.0f", (peer_now() - t) * 1e9 / times);
		calls++;
	}
	printf("\n");
}

int main(void)
{
	char line[512];
	int open = 0;
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	while (fgets(line, sizeof line, stdin)) {
		struct row r;
		memset(&r, 0, sizeof r);
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "list ", 5)) {
			char names[512] = "";
			snprintf(r.text, sizeof r.text, "%.255s", line + 5);
			peer_list(&r, names);
			printf("variants%s\n", names);
		} else if (!strncmp(line, "open ", 5)) {
			char *cut = strstr(line, " ; ");
			if (open)
				peer_close();
			open = 0;
			if (!cut) {
				printf("no variant is named\n");
			} else {
				double bytes = 0;
				*cut = 0;
				snprintf(r.text, sizeof r.text, "%.255s", line + 5);
				const char *why = peer_open(&r, cut + 3, &bytes);
				open = !why;
				if (why)
					printf("no %s\n", why);
				else
					printf("ok %.0f\n", bytes);
			}
		} else if (!strncmp(line, "time ", 5)) {
			if (open)
				peer_time(atof(line + 5));
			else
				printf("no row is open\n");
		} else if (!strcmp(line, "close")) {
			if (open)
				peer_close();
			open = 0;
			printf("ok\n");
		} else {
			printf("no such request\n");
		}
		fflush(stdout);
	}
	return 0;
}

#endif
