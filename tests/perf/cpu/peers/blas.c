// A peer with the interface of CBLAS: OpenBLAS or BLIS, whichever it is linked with. It multiplies square f32 matrices,
// b as it is ("nn") and transposed ("nt", the layout of linear layers). BLIS packs b either way.
#include <cblas.h>

#include "peer.h"

static float *a, *b, *c;
static int size, transposed;

static void peer_list(const struct row *r, char *names)
{
	if (row_is(r, "", "gemm") && row_is(r, "type", "f32"))
		strcat(names, " nn nt");
}

static float *matrix(size_t n, uint64_t seed)
{
	float *m = aligned_alloc(64, n * n * sizeof *m);
	if (m)
		for (size_t i = 0; i < n * n; i++)
			m[i] = peer_random(&seed);
	return m;
}

static const char *peer_open(const struct row *r, const char *variant, double *bytes)
{
	size = (int)row_number(r, "n", 0);
	transposed = !strcmp(variant, "nt");
	a = matrix((size_t)size, 1);
	b = matrix((size_t)size, 2);
	c = matrix((size_t)size, 3);
	if (!a || !b || !c)
		return "out of memory";
	*bytes = 12.0 * size * size;
	return NULL;
}

static int peer_run(void)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, size, size, size, 1, a, size, b, size, 0, c, size);
	return 1;
}

static void peer_close(void)
{
	free(a);
	free(b);
	free(c);
}
