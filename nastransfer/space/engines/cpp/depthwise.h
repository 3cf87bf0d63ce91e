// Depthwise convolutions of one image: a row of outputs, and the gradient of the kernel.
//
// K: taps a side, D: dilation, S: stride, T: neighbouring outputs whose sums are held in registers. A vector of inputs
// is loaded once and used for every output and tap it takes part in. With dilation 2 and stride 1, outputs of one
// parity share their inputs: a tile is T outputs two pixels apart. Kernels are [K * K][channels], inputs have their
// border.
#pragma once
#include "vectors.h"

// Output t and tap j meet at input t * S + j (counted in `step`).
template <int K, int S, int T> constexpr bool meet(int x, int j) {
  return x >= j && (x - j) % S == 0 && (x - j) / S < T;
}

template <int V, int K, int S, int T>
INLINE void depthwise_tile(const real *in, i64 row, i64 step, const real *kernel, i64 channels, vec<V> *sums) {
  UNROLL for (int t = 0; t < T; t++) sums[t] = vec<V>{};
  for (int i = 0; i < K; i++) {
    vec<V> tap[K];
    UNROLL for (int j = 0; j < K; j++) tap[j] = load<V>(kernel + (i * K + j) * channels);
    const real *p = in + i * row;
    UNROLL for (int x = 0; x < S * (T - 1) + K; x++) {
      vec<V> v = load<V>(p + x * step);
      UNROLL for (int j = 0; j < K; j++)
        if (meet<K, S, T>(x, j)) sums[(x - j) / S] += tap[j] * v;
    }
  }
}

// A row of `width` outputs. `in`: first input of the first tap, pixels `pixel` and rows `row` apart; done(output,
// channel, vector) takes the results.
template <int K, int D, int S, class Done>
INLINE void depthwise_row(const real *in, i64 row, i64 pixel, const real *kernel, i64 channels, i64 width, Done done) {
  constexpr bool parity = D == 2 && S == 1;
  constexpr int apart = parity ? 2 : 1;                         // outputs of a tile, in pixels
  constexpr int E = D == 2 && S == 2 ? 1 : parity ? 1 : S;      // stride in steps of the dilation
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    i64 x = 0;
    auto tiles = [&](auto outputs) {
      constexpr int T = outputs;
      for (; x + apart * T <= width; x += apart * T)
        for (int half = 0; half < apart; half++) {
          vec<V> sums[T];
          depthwise_tile<V, K, E, T>(in + k + (x + half) * S * pixel, D * row, D * pixel, kernel + k, channels, sums);
          UNROLL for (int t = 0; t < T; t++) done(x + half + apart * t, k, sums[t]);
        }
    };
    tiles(Int<TILE>{});
    if constexpr (TILE > 4) tiles(Int<4>{});
    tiles(Int<2>{});
    tiles(Int<1>{});
    if (parity && x < width) {                                  // the last column of an odd width
      vec<V> sums[1];
      depthwise_tile<V, K, 1, 1>(in + k + x * pixel, D * row, D * pixel, kernel + k, channels, sums);
      done(x, k, sums[0]);
    }
  });
}

// R rows of taps at a time: as many sums as hide the latency of a multiply-add and still fit the registers.
template <int V, int K, int S, int T, int R>
INLINE void depthwise_gradient_tile(const real *in, i64 row, i64 step, const real *g, i64 g_step, vec<V> *sums) {
  vec<V> gradient[T];
  UNROLL for (int t = 0; t < T; t++) gradient[t] = load<V>(g + t * g_step);
  UNROLL for (int x = 0; x < S * (T - 1) + K; x++)
    UNROLL for (int i = 0; i < R; i++) {
      vec<V> v = load<V>(in + i * row + x * step);
      UNROLL for (int j = 0; j < K; j++)
        if (meet<K, S, T>(x, j)) sums[i * K + j] += gradient[(x - j) / S] * v;
    }
}

// out[tap][channel] += sum over the image's outputs of gradient * input; `g`: gradients of the outputs.
template <int K, int D, int S>
void depthwise_gradient(const real *in, i64 row, i64 pixel, const real *g, i64 g_row, i64 g_pixel, i64 channels,
                        i64 height, i64 width, real *out) {
  constexpr bool parity = D == 2 && S == 1;
  constexpr int R = K == 3 && WIDE == 16 ? 3 : 1, apart = parity ? 2 : 1, E = D == 2 ? 1 : S;
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    for (int i = 0; i < K; i += R) {
      vec<V> sums[R * K];
      UNROLL for (int j = 0; j < R * K; j++) sums[j] = load<V>(out + (i * K + j) * channels + k);
      for (i64 h = 0; h < height; h++) {
        const real *from = in + (h * S + i * D) * row + k, *gradient = g + h * g_row + k;
        i64 x = 0;
        auto tiles = [&](auto outputs) {
          constexpr int T = outputs;
          for (; x + apart * T <= width; x += apart * T)
            for (int half = 0; half < apart; half++)
              depthwise_gradient_tile<V, K, E, T, R>(from + (x + half) * S * pixel, D * row, D * pixel,
                                                     gradient + (x + half) * g_pixel, apart * g_pixel, sums);
        };
        tiles(Int<TILE>{});
        if constexpr (TILE > 4) tiles(Int<4>{});
        tiles(Int<1>{});
        if (parity && x < width)
          depthwise_gradient_tile<V, K, 1, 1, R>(from + x * pixel, D * row, D * pixel, gradient + x * g_pixel, g_pixel,
                                                 sums);
      }
      UNROLL for (int j = 0; j < R * K; j++) store<V>(out + (i * K + j) * channels + k, sums[j]);
    }
  });
}

// Gradient of the input at stride 2: every output's gradient is spread over its taps. `to`: input of the first tap of
// the first output, cleared before.
template <int K, int D>
void depthwise_spread(const real *g, i64 g_row, i64 g_pixel, const real *kernel, i64 channels, i64 height, i64 width,
                      real *to, i64 row, i64 pixel) {
  for (i64 h = 0; h < height; h++)
    for (int i = 0; i < K; i++)
      for (int j = 0; j < K; j++)
        over_channels(channels, [&](i64 k, auto lanes) {
          constexpr int V = lanes;
          vec<V> tap = load<V>(kernel + (i * K + j) * channels + k);
          real *p = to + (2 * h + i * D) * row + j * D * pixel + k;
          const real *from = g + h * g_row + k;
          for (i64 x = 0; x < width; x++)
            store<V>(p + 2 * x * pixel, load<V>(p + 2 * x * pixel) + tap * load<V>(from + x * g_pixel));
        });
}
