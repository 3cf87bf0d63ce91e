// Pointwise (1x1) convolutions: small matrix products over the pixels of an image, and the gradient of their weights.
//
// A tile of T pixels times G vectors of outputs is summed in registers; inputs are read one number at a time and spread
// over the lanes. Weights are [inputs][outputs].
#pragma once
#include "vectors.h"

template <int V, int G, int T, class Done>
INLINE void pointwise_tile(const real *in, i64 pixel, i64 inputs, const real *weights, i64 row, i64 x, i64 out,
                           Done done) {
  vec<V> sums[T][G];
  UNROLL for (int t = 0; t < T; t++) UNROLL for (int b = 0; b < G; b++) sums[t][b] = vec<V>{};
  for (i64 i = 0; i < inputs; i++, weights += row) {
    vec<V> w[G];
    UNROLL for (int b = 0; b < G; b++) w[b] = load<V>(weights + b * V);
    UNROLL for (int t = 0; t < T; t++) {
      real s = in[t * pixel + i];
      UNROLL for (int b = 0; b < G; b++) sums[t][b] += s * w[b];
    }
  }
  UNROLL for (int t = 0; t < T; t++) UNROLL for (int b = 0; b < G; b++) done(x + t, out + b * V, sums[t][b]);
}

// f(first output, lanes, vectors) over blocks of outputs: two wide vectors at a time, three at the end of an odd
// number. Halves of a factorized reduction may leave a rest of 2.
template <class F> INLINE void over_outputs(i64 outputs, F f) {
  i64 o = 0;
  while (outputs - o >= WIDE) {
    i64 left = (outputs - o) / WIDE;
    if (left == 3 && WIDE == 16) {
      f(o, Int<WIDE>{}, Int<3>{});
      o += 3 * WIDE;
    } else if (left >= 2) {
      f(o, Int<WIDE>{}, Int<2>{});
      o += 2 * WIDE;
    } else {
      f(o, Int<WIDE>{}, Int<1>{});
      o += WIDE;
    }
  }
  if constexpr (WIDE > 8)
    if (outputs & 8) {
      f(o, Int<8>{}, Int<1>{});
      o += 8;
    }
  if (outputs & 4) {
    f(o, Int<4>{}, Int<1>{});
    o += 4;
  }
  if (outputs & 2) f(o, Int<2>{}, Int<1>{});
}

// Products of rows x width pixels: inputs `pixel` apart without gaps between rows; done(row, x, output, vector).
template <class Done>
INLINE void pointwise(const real *in, i64 pixel, i64 inputs, const real *weights, i64 weights_row, i64 outputs,
                      i64 rows, i64 width, Done done) {
  over_outputs(outputs, [&](i64 o, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors;
    for (i64 h = 0; h < rows; h++) {
      const real *from = in + h * width * pixel;
      auto put = [&](i64 x, i64 k, auto v) { done(h, x, k, v); };
      i64 x = 0;
      for (; x + TILE <= width; x += TILE)
        pointwise_tile<V, G, TILE>(from + x * pixel, pixel, inputs, weights + o, weights_row, x, o, put);
      if constexpr (TILE > 4)
        for (; x + 4 <= width; x += 4)
          pointwise_tile<V, G, 4>(from + x * pixel, pixel, inputs, weights + o, weights_row, x, o, put);
      for (; x < width; x++)
        pointwise_tile<V, G, 1>(from + x * pixel, pixel, inputs, weights + o, weights_row, x, o, put);
    }
  });
}

// The same, stored: outputs `to_pixel` apart, rows `to_row`.
inline void pointwise_to(const real *in, i64 pixel, i64 inputs, const real *weights, i64 outputs, i64 rows, i64 width,
                         real *to, i64 to_pixel, i64 to_row) {
  pointwise(in, pixel, inputs, weights, outputs, outputs, rows, width, [=](i64 h, i64 x, i64 k, auto v) {
    std::memcpy(to + h * to_row + x * to_pixel + k, &v, sizeof v);
  });
}

template <int V, int G, int I>
INLINE void pointwise_gradient_tile(const real *in, i64 pixel, const real *g, i64 g_pixel, i64 pixels, real *out,
                                    i64 row) {
  vec<V> sums[I][G];
  UNROLL for (int i = 0; i < I; i++) UNROLL for (int b = 0; b < G; b++) sums[i][b] = load<V>(out + i * row + b * V);
  for (i64 p = 0; p < pixels; p++, in += pixel, g += g_pixel) {
    vec<V> gradient[G];
    UNROLL for (int b = 0; b < G; b++) gradient[b] = load<V>(g + b * V);
    UNROLL for (int i = 0; i < I; i++) {
      real s = in[i];
      UNROLL for (int b = 0; b < G; b++) sums[i][b] += s * gradient[b];
    }
  }
  UNROLL for (int i = 0; i < I; i++) UNROLL for (int b = 0; b < G; b++) store<V>(out + i * row + b * V, sums[i][b]);
}

// out[input][output] += sum over pixels of input * gradient. `inputs` is a multiple of 4.
inline void pointwise_gradient(const real *in, i64 pixel, i64 inputs, const real *g, i64 g_pixel, i64 outputs,
                               i64 pixels, real *out) {
  over_outputs(outputs, [&](i64 o, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors;
    constexpr int many = WIDE == 16 ? (G <= 2 ? 12 : 8) : 4;
    i64 i = 0;
    for (; i + many <= inputs; i += many)
      pointwise_gradient_tile<V, G, many>(in + i, pixel, g + o, g_pixel, pixels, out + i * outputs + o, outputs);
    if constexpr (many == 12)
      for (; i + 8 <= inputs; i += 8)
        pointwise_gradient_tile<V, G, 8>(in + i, pixel, g + o, g_pixel, pixels, out + i * outputs + o, outputs);
    for (; i < inputs; i += 4)
      pointwise_gradient_tile<V, G, 4>(in + i, pixel, g + o, g_pixel, pixels, out + i * outputs + o, outputs);
  });
}
