// A library with the driver's calls, typed as in cuda.h, that writes down what it is called with. Memory is the host's;
// a launch writes down its parameters; failures are asked for by special arguments.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct ctx *CUcontext;
typedef struct mod *CUmodule;
typedef struct fun *CUfunction;
typedef struct str *CUstream;
typedef struct evt *CUevent;

static char record[1 << 16];
static size_t used;

static void note(const char *format, ...) {
	va_list list;
	va_start(list, format);
	used += vsnprintf(record + used, sizeof record - used, format, list);
	va_end(list);
}

// What was written down since the last time.
const char *fakeRecord(void) {
	static char out[sizeof record];
	memcpy(out, record, used + 1);
	used = 0, record[0] = 0;
	return out;
}

CUresult cuInit(unsigned int flags) { note("cuInit(%u)\n", flags); return 0; }
CUresult cuDriverGetVersion(int *v) { *v = 12040; return 0; }
CUresult cuDeviceGetCount(int *n) { *n = 2; return 0; }
CUresult cuDeviceGet(CUdevice *d, int ordinal) {
	if (ordinal < 0 || ordinal > 1) return 101;
	*d = 40 + ordinal;
	return 0;
}
CUresult cuDeviceGetName(char *name, int len, CUdevice d) {
	note("cuDeviceGetName(%d, %d)\n", len, d);
	snprintf(name, len, "Fake %d", d);
	return 0;
}
CUresult cuDeviceGetAttribute(int *v, int a, CUdevice d) { *v = 1000 * a + d; return 0; }
CUresult cuDeviceTotalMem_v2(size_t *n, CUdevice d) { *n = (size_t)80 << 30 | d; return 0; }
CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d) {
	note("cuDevicePrimaryCtxRetain(%d)\n", d);
	*c = (CUcontext)(uintptr_t)0x700000001230;
	return 0;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) { note("cuDevicePrimaryCtxRelease(%d)\n", d); return 0; }
CUresult cuCtxSetCurrent(CUcontext c) { note("cuCtxSetCurrent(%p)\n", (void *)c); return 0; }
CUresult cuCtxSynchronize(void) { note("cuCtxSynchronize()\n"); return 0; }
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) { *free = (size_t)5 << 32, *total = (size_t)6 << 32; return 0; }
CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned int n, int *options, void **values) {
	char *log = 0;
	size_t size = 0;
	note("cuModuleLoadDataEx(%s, %u", (const char *)image, n);
	for (unsigned i = 0; i < n; i++) {
		note(", %d", options[i]);
		if (options[i] == 5) log = values[i];
		if (options[i] == 6) note("=%u", (unsigned)(size = (uintptr_t)values[i]));
	}
	note(")\n");
	if (!strcmp(image, "wrong")) {
		snprintf(log, size, "line 1: wrong");
		return 218;
	}
	*m = (CUmodule)(uintptr_t)0x700000004560;
	return 0;
}
CUresult cuModuleUnload(CUmodule m) { note("cuModuleUnload(%p)\n", (void *)m); return 0; }
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
	note("cuModuleGetFunction(%p, %s)\n", (void *)m, name);
	if (!strcmp(name, "none")) return 500;
	*f = (CUfunction)(uintptr_t)0x700000007890;
	return 0;
}
CUresult cuFuncGetAttribute(int *v, int a, CUfunction f) {
	note("cuFuncGetAttribute(%d, %p)\n", a, (void *)f);
	*v = a == 0 ? 1024 : 16;
	return 0;
}
CUresult cuFuncSetAttribute(CUfunction f, int a, int v) { note("cuFuncSetAttribute(%p, %d, %d)\n", (void *)f, a, v); return 0; }
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n, CUfunction f, int threads, size_t shared) {
	note("cuOccupancyMaxActiveBlocksPerMultiprocessor(%p, %d, %zu)\n", (void *)f, threads, shared);
	*n = 2;
	return 0;
}
CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
	CUstream s, void **params, void **extra) {
	note("cuLaunchKernel(%p, %u %u %u, %u %u %u, %u, %p", (void *)f, gx, gy, gz, bx, by, bz, shared, (void *)s);
	note(", %x %llx, %p)\n", *(uint32_t *)params[0], *(unsigned long long *)params[1], (void *)extra);
	return gx == 99 ? 700 : gx == 98 ? 777 : 0;
}
CUresult cuMemAlloc_v2(CUdeviceptr *at, size_t n) {
	note("cuMemAlloc(%zu)\n", n);
	if (n >> 40) return 2;
	*at = (CUdeviceptr)(uintptr_t)malloc(n);
	return 0;
}
CUresult cuMemFree_v2(CUdeviceptr at) { note("cuMemFree\n"); free((void *)(uintptr_t)at); return 0; }
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) { memcpy((void *)(uintptr_t)to, from, n); return 0; }
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) { memcpy(to, (void *)(uintptr_t)from, n); return 0; }
CUresult cuMemsetD8_v2(CUdeviceptr at, unsigned char c, size_t n) { memset((void *)(uintptr_t)at, c, n); return 0; }
CUresult cuEventCreate(CUevent *e, unsigned int flags) { note("cuEventCreate(%u)\n", flags); *e = (CUevent)(uintptr_t)0x70000000aaa0; return 0; }
CUresult cuEventDestroy_v2(CUevent e) { note("cuEventDestroy(%p)\n", (void *)e); return 0; }
CUresult cuEventRecord(CUevent e, CUstream s) { note("cuEventRecord(%p, %p)\n", (void *)e, (void *)s); return 0; }
CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b) { note("cuEventElapsedTime(%p, %p)\n", (void *)a, (void *)b); *ms = 1.5f; return 0; }
CUresult cuGetErrorName(CUresult r, const char **name) {
	*name = r == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : r == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : r == 218 ? "CUDA_ERROR_INVALID_PTX" :
		r == 500 ? "CUDA_ERROR_NOT_FOUND" : 0;
	return *name ? 0 : 1;
}
