// 3x3 pools of one image with a border of one pixel, and their gradients.
//
// A maximum hands its gradient to the first of equal inputs in reading order, as torch does, and lets NaN through; an
// average is over the real pixels of its window.
#pragma once
#include "vectors.h"

struct PoolShape {
  i64 channels, height, width, out_height, out_width, stride;
};

struct Window {
  i64 top, bottom, left, right;
};

// f(output pixel, window of inputs) over all outputs.
template <class F> INLINE void over_windows(const PoolShape &s, F f) {
  for (i64 i = 0; i < s.out_height; i++)
    for (i64 j = 0; j < s.out_width; j++)
      f(i * s.out_width + j,
        Window{std::max<i64>(0, i * s.stride - 1), std::min(s.height, i * s.stride + 2),
               std::max<i64>(0, j * s.stride - 1), std::min(s.width, j * s.stride + 2)});
}

template <class W> INLINE W larger(W value, W most) { return ((value > most) | (value != value)) ? value : most; }

template <int V> INLINE vec<V> window_maximum(const real *in, const PoolShape &s, const Window &w) {
  vec<V> most = load<V>(in + (w.top * s.width + w.left) * s.channels);
  for (i64 y = w.top; y < w.bottom; y++)
    for (i64 x = w.left; x < w.right; x++) most = larger(load<V>(in + (y * s.width + x) * s.channels), most);
  return most;
}

inline void max_pool(const real *in, const PoolShape &s, real *out) {
  over_channels(s.channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    over_windows(s, [&](i64 p, const Window &w) {
      store<V>(out + p * s.channels + k, window_maximum<V>(in + k, s, w));
    });
  });
}

inline void average_pool(const real *in, const PoolShape &s, real *out) {
  over_channels(s.channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    over_windows(s, [&](i64 p, const Window &w) {
      vec<V> sum{};
      for (i64 y = w.top; y < w.bottom; y++)
        for (i64 x = w.left; x < w.right; x++) sum += load<V>(in + (y * s.width + x) * s.channels + k);
      store<V>(out + p * s.channels + k, sum / real((w.bottom - w.top) * (w.right - w.left)));
    });
  });
}

// The gradient g of the outputs is added to that of the inputs.
inline void max_pool_gradient(const real *in, const real *g, const PoolShape &s, real *to) {
  using Bits = std::conditional_t<sizeof(real) == 4, std::int32_t, std::int64_t>;
  over_channels(s.channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    typedef Bits Mask __attribute__((vector_size(V * sizeof(real)), aligned(sizeof(real)), may_alias));
    over_windows(s, [&](i64 p, const Window &w) {
      vec<V> most = window_maximum<V>(in + k, s, w), gradient = load<V>(g + p * s.channels + k);
      Mask open = ~Mask{};
      for (i64 y = w.top; y < w.bottom; y++)
        for (i64 x = w.left; x < w.right; x++) {
          i64 at = (y * s.width + x) * s.channels + k;
          Mask hit = ~(Mask)(load<V>(in + at) < most) & open;
          open &= ~hit;
          vec<V> old = load<V>(to + at);
          store<V>(to + at, hit ? old + gradient : old);
        }
    });
  });
}

inline void average_pool_gradient(const real *g, const PoolShape &s, real *to) {
  over_channels(s.channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    over_windows(s, [&](i64 p, const Window &w) {
      vec<V> share = load<V>(g + p * s.channels + k) / real((w.bottom - w.top) * (w.right - w.left));
      for (i64 y = w.top; y < w.bottom; y++)
        for (i64 x = w.left; x < w.right; x++) {
          real *at = to + (y * s.width + x) * s.channels + k;
          store<V>(at, load<V>(at) + share);
        }
    });
  });
}
