// y = W x for a sparse matrix W in CSR form, with all columns of a node side by side in memory.
//
// Each link is read once for all columns, and columns are added up as vectors. Every column is summed in the order of
// the links, whatever stands beside it: a sample's result does not depend on the batch. Sums are not contracted to
// fused multiply-adds for the same reason: compilers would do so in one loop and not in another.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>

namespace {

constexpr int64_t SHARED_FROM = 100000;  // products from which a second thread pays
constexpr int64_t TILE = 64;             // nodes turned at a time: both sides stay in the cache

template <typename real>
struct Product {
    int64_t nodes, columns;
    const int32_t *__restrict rows, *__restrict sources;
    const real *__restrict weights, *__restrict x;
    real *__restrict y;
    int64_t across, down;  // from one column of y to the next, and from one node to the next

    const real *source(int32_t link, int64_t c) const { return x + columns * static_cast<int64_t>(sources[link]) + c; }

    // Columns c to c + vectors * lanes of one node.
    template <int lanes, int vectors>
    void wide(int64_t node, int64_t c) const {
        typedef real vector __attribute__((vector_size(sizeof(real) * lanes)));
        vector sums[vectors] = {};
        for (int32_t link = rows[node], end = rows[node + 1]; link < end; link++)
            for (int k = 0; k < vectors; k++) {
                vector value;
                std::memcpy(&value, source(link, c) + k * lanes, sizeof value);
                sums[k] += weights[link] * value;
            }
        real found[vectors * lanes];
        std::memcpy(found, sums, sizeof sums);
        for (int k = 0; k < vectors * lanes; k++) y[node * down + (c + k) * across] = found[k];
    }

    void pair(int64_t node, int64_t c) const {
        real first = 0, second = 0;
        for (int32_t link = rows[node], end = rows[node + 1]; link < end; link++) {
            first += weights[link] * source(link, c)[0];
            second += weights[link] * source(link, c)[1];
        }
        y[node * down + c * across] = first;
        y[node * down + (c + 1) * across] = second;
    }

    void one(int64_t node, int64_t c) const {
        real sum = 0;
        for (int32_t link = rows[node], end = rows[node + 1]; link < end; link++)
            sum += weights[link] * source(link, c)[0];
        y[node * down + c * across] = sum;
    }

    void all(int64_t i) const {
        constexpr int lanes = 64 / sizeof(real);
        int64_t c = 0;
        for (; c + 4 * lanes <= columns; c += 4 * lanes) wide<lanes, 4>(i, c);
        for (; c + lanes <= columns; c += lanes) wide<lanes, 1>(i, c);
        for (; c + 2 <= columns; c += 2) pair(i, c);
        if (c < columns) one(i, c);
    }

    // The first node of a part: nodes and links together are shared out evenly, also where a few nodes have most links.
    int64_t begin(int64_t part, int64_t parts) const {
        const int64_t before = (nodes + rows[nodes]) * part / parts;
        int64_t low = 0, high = nodes;
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (rows[middle] + middle < before) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    void run() const {
        const int64_t parts = rows[nodes] * columns > SHARED_FROM ? at::get_num_threads() : 1;
        at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
            const Product product = *this;  // where the compiler sees that no other thread changes it
            const int64_t end = begin(last, parts);
            if (columns == 2)
                for (int64_t i = begin(first, parts); i < end; i++) product.pair(i, 0);
            else
                for (int64_t i = begin(first, parts); i < end; i++) product.all(i);
        });
    }
};

template <typename real>
void turn(const real *x, real *packed, int64_t nodes, int64_t columns) {
    const int64_t tiles = (nodes + TILE - 1) / TILE, grain = std::max<int64_t>(1, SHARED_FROM / (TILE * columns));
    at::parallel_for(0, tiles, grain, [&](int64_t first, int64_t last) {
        for (int64_t tile = first; tile < last; tile++) {
            const int64_t end = std::min(nodes, (tile + 1) * TILE);
            for (int64_t c = 0; c < columns; c++)
                for (int64_t i = tile * TILE; i < end; i++) packed[i * columns + c] = x[c * nodes + i];
        }
    });
}

template <typename real>
void product(const at::Tensor &weights, const at::Tensor &x, const at::Tensor &rows, const at::Tensor &sources,
             at::Tensor &y, bool by_nodes) {
    const int64_t columns = x.size(0), nodes = x.size(1);
    const real *from = x.const_data_ptr<real>();
    at::Tensor packed;
    if (!by_nodes && columns > 1) {
        packed = at::empty({nodes, columns}, x.options());
        turn(from, packed.mutable_data_ptr<real>(), nodes, columns);
        from = packed.const_data_ptr<real>();
    }
    const bool rowwise = by_nodes || columns == 1;
    Product<real>{nodes, columns, rows.const_data_ptr<int32_t>(), sources.const_data_ptr<int32_t>(),
                  weights.const_data_ptr<real>(), from, y.mutable_data_ptr<real>(),
                  rowwise ? 1 : nodes, rowwise ? columns : 1}
        .run();
}

at::Tensor sparse_product(const at::Tensor &weights, const at::Tensor &x, const at::Tensor &rows,
                          const at::Tensor &sources) {
    const auto type = x.scalar_type();
    if (type == at::kHalf || type == at::kBFloat16)
        return sparse_product(weights.to(at::kFloat), x.to(at::kFloat), rows, sources).to(type);
    const int64_t columns = x.size(0), nodes = x.size(1);
    TORCH_CHECK(rows.numel() == nodes + 1, "sparse_product: ", rows.numel(), " row pointers for ", nodes, " nodes");
    TORCH_CHECK(weights.scalar_type() == type && weights.is_contiguous(), "sparse_product: weights of another type");
    const bool by_nodes = columns > 1 && x.stride(0) == 1 && x.stride(1) == columns;
    const at::Tensor values = by_nodes ? x : x.contiguous();
    at::Tensor y = by_nodes ? at::empty({nodes, columns}, x.options()).t() : at::empty({columns, nodes}, x.options());
    if (type == at::kDouble) product<double>(weights, values, rows, sources, y, by_nodes);
    else if (type == at::kFloat) product<float>(weights, values, rows, sources, y, by_nodes);
    else TORCH_CHECK(false, "sparse_product: no products of ", type);
    return y;
}

}  // namespace

TORCH_LIBRARY_IMPL(oscillo, CPU, library) { library.impl("sparse_product", TORCH_FN(sparse_product)); }
