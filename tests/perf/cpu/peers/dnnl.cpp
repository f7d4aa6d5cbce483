// oneDNN as a peer: square products of f32, bf16 and int8. A variant names the types and whether the library chooses the
// layout of b ("packed") or takes it row by row ("plain").
#include <dnnl.hpp>

#include <string>

#include "peer.h"

using namespace dnnl;

namespace {

struct product {
	engine cpu{engine::kind::cpu, 0};
	stream queue{cpu};
	memory a, b, c;
	matmul call;
};

product *current;

using type = memory::data_type;

// fill puts small whole numbers, which every type holds, into a memory of any layout.
void fill(product &p, memory &into, memory::dims dims, int modulus, int from)
{
	memory plain({dims, type::f32, memory::format_tag::ab}, p.cpu);
	float *x = static_cast<float *>(plain.get_data_handle());
	for (memory::dim i = 0; i < dims[0] * dims[1]; i++)
		x[i] = static_cast<float>(i * 7 % modulus + from);
	reorder(plain, into).execute(p.queue, plain, into);
	p.queue.wait();
}

} // namespace

static void peer_list(const struct row *r, char *names)
{
	if (!row_is(r, "", "gemm"))
		return;
	if (row_is(r, "type", "f32"))
		strcat(names, " f32-packed f32-plain");
	if (row_is(r, "type", "bf16"))
		strcat(names, " bf16-f32-packed bf16-f32-plain bf16-bf16-packed");
	if (row_is(r, "type", "i8"))
		strcat(names, " s8s8-packed u8s8-packed s8s8-plain u8s8-plain");
}

static const char *peer_open(const struct row *r, const char *variant, double *bytes)
{
	static std::string why;
	std::string name = variant;
	bool packed = name.find("-packed") != std::string::npos;
	type ta = type::f32, tb = type::f32, tc = type::f32;
	if (name.rfind("bf16", 0) == 0)
		ta = tb = type::bf16, tc = name.find("-bf16-") != std::string::npos ? type::bf16 : type::f32;
	if (name.rfind("s8s8", 0) == 0)
		ta = tb = type::s8, tc = type::s32;
	if (name.rfind("u8s8", 0) == 0)
		ta = type::u8, tb = type::s8, tc = type::s32;
	memory::dim n = row_number(r, "n", 0);
	try {
		current = new product;
		using tag = memory::format_tag;
		memory::desc da({n, n}, ta, tag::ab), db({n, n}, tb, packed ? tag::any : tag::ab), dc({n, n}, tc, tag::ab);
#if DNNL_VERSION_MAJOR >= 3
		matmul::primitive_desc how(current->cpu, da, db, dc);
#else
		matmul::primitive_desc how(matmul::desc(da, db, dc), current->cpu);
#endif
		current->a = memory(how.src_desc(), current->cpu);
		current->b = memory(how.weights_desc(), current->cpu);
		current->c = memory(how.dst_desc(), current->cpu);
		current->call = matmul(how);
		fill(*current, current->a, {n, n}, 13, 0);
		fill(*current, current->b, {n, n}, 11, -5);
	} catch (const std::exception &e) {
		why = e.what();
		delete current;
		return why.c_str();
	}
	*bytes = static_cast<double>(current->a.get_desc().get_size() + current->b.get_desc().get_size() + current->c.get_desc().get_size());
	return nullptr;
}

static int peer_run(void)
{
	current->call.execute(current->queue, {{DNNL_ARG_SRC, current->a}, {DNNL_ARG_WEIGHTS, current->b}, {DNNL_ARG_DST, current->c}});
	current->queue.wait();
	return 1;
}

static void peer_close(void) { delete current; }
