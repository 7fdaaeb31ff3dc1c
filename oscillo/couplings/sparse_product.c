/* y = W x for a sparse matrix W in CSR form and columns side by side: x and y are [n, columns], row by row. What lies
 * column by column is turned before and after.
 *
 * All columns of a neighbour lie together, so each link is read once for all of them, and columns are added up as
 * vectors. Every column is summed in the order of the links, whatever stands beside it: a sample's result does not
 * depend on the batch.
 */
#include <stdint.h>
#include <string.h>

#define LANES_OF(REAL) (64 / (int)sizeof(REAL))
#define TILE 64
#define SHARE_FROM 100000 /* products from which a second thread pays */

#define PRODUCT(NAME, REAL)                                                                                       \
    typedef REAL NAME##_vector __attribute__((vector_size(64)));                                                  \
    static void NAME##_row(int64_t columns, int32_t first, int32_t last, const int32_t *sources,                  \
                           const REAL *weights, const REAL *x, REAL *out) {                                       \
        enum { LANES = LANES_OF(REAL) };                                                                          \
        int64_t c = 0;                                                                                            \
        for (; c + 4 * LANES <= columns; c += 4 * LANES) {                                                        \
            NAME##_vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, v;                                              \
            for (int32_t e = first; e < last; e++) {                                                              \
                const REAL *from = x + columns * (int64_t)sources[e] + c, weight = weights[e];                    \
                memcpy(&v, from, 64), s0 += weight * v;                                                           \
                memcpy(&v, from + LANES, 64), s1 += weight * v;                                                   \
                memcpy(&v, from + 2 * LANES, 64), s2 += weight * v;                                               \
                memcpy(&v, from + 3 * LANES, 64), s3 += weight * v;                                               \
            }                                                                                                     \
            memcpy(out + c, &s0, 64), memcpy(out + c + LANES, &s1, 64);                                           \
            memcpy(out + c + 2 * LANES, &s2, 64), memcpy(out + c + 3 * LANES, &s3, 64);                           \
        }                                                                                                         \
        for (; c + LANES <= columns; c += LANES) {                                                                \
            NAME##_vector sum = {0}, v;                                                                           \
            for (int32_t e = first; e < last; e++) {                                                              \
                memcpy(&v, x + columns * (int64_t)sources[e] + c, 64);                                            \
                sum += weights[e] * v;                                                                            \
            }                                                                                                     \
            memcpy(out + c, &sum, 64);                                                                            \
        }                                                                                                         \
        for (; c + 2 <= columns; c += 2) {                                                                        \
            REAL a = 0, b = 0;                                                                                    \
            for (int32_t e = first; e < last; e++) {                                                              \
                const REAL *from = x + columns * (int64_t)sources[e] + c;                                         \
                a += weights[e] * from[0];                                                                        \
                b += weights[e] * from[1];                                                                        \
            }                                                                                                     \
            out[c] = a;                                                                                           \
            out[c + 1] = b;                                                                                       \
        }                                                                                                         \
        for (; c < columns; c++) {                                                                                \
            REAL sum = 0;                                                                                         \
            for (int32_t e = first; e < last; e++) sum += weights[e] * x[columns * (int64_t)sources[e] + c];      \
            out[c] = sum;                                                                                         \
        }                                                                                                         \
    }                                                                                                             \
    void NAME(int64_t n, int64_t columns, const int32_t *rows, const int32_t *sources, const REAL *weights,       \
              const REAL *x, REAL *y, int threads) {                                                              \
        int64_t work = (int64_t)rows[n] * columns;                                                                \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (threads > 1 && work > SHARE_FROM)")   \
        for (int64_t i = 0; i < n; i++)                                                                           \
            NAME##_row(columns, rows[i], rows[i + 1], sources, weights, x, y + i * columns);                      \
    }                                                                                                             \
    /* To and from [columns, n]; in tiles, so that both sides stay in the cache. */                               \
    void NAME##_turn(int64_t n, int64_t columns, const REAL *x, REAL *y, int back, int threads) {                 \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (threads > 1 && n * columns > SHARE_FROM)") \
        for (int64_t first = 0; first < n; first += TILE) {                                                       \
            int64_t last = first + TILE < n ? first + TILE : n;                                                   \
            if (columns == 2 && !back)                                                                            \
                for (int64_t i = first; i < last; i++) y[2 * i] = x[i], y[2 * i + 1] = x[n + i];                  \
            else if (columns == 2)                                                                                \
                for (int64_t i = first; i < last; i++) y[i] = x[2 * i], y[n + i] = x[2 * i + 1];                  \
            else if (!back)                                                                                       \
                for (int64_t c = 0; c < columns; c++)                                                             \
                    for (int64_t i = first; i < last; i++) y[i * columns + c] = x[c * n + i];                     \
            else                                                                                                  \
                for (int64_t c = 0; c < columns; c++)                                                             \
                    for (int64_t i = first; i < last; i++) y[c * n + i] = x[i * columns + c];                     \
        }                                                                                                         \
    }

PRODUCT(product_float, float)
PRODUCT(product_double, double)
