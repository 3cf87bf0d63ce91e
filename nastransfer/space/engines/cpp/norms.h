// Batch norms in pieces: sums over pixels, normalised values, weighted sums of maps, gradients behind a norm.
//
// A map is kept as it was before its norm; whoever reads it applies scale and shift on the fly. Sums run in registers over
// short stretches of pixels and go on in double precision.
#pragma once
#include "vectors.h"

// s1 += sum of (y - pivot), s2 += sum of (y - pivot)^2. The pivot is near the mean, so that their difference keeps its digits.
inline void add_moments(const real *y, i64 channels, i64 pixels, const real *pivot, double *s1, double *s2) {
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    vec<V> u[4] = {}, q[4] = {}, about = load<V>(pivot + k);
    const real *from = y + k;
    i64 p = 0;
    for (; p + 4 <= pixels; p += 4, from += 4 * channels)
      UNROLL for (int j = 0; j < 4; j++) {
        vec<V> v = load<V>(from + j * channels) - about;
        u[j] += v;
        q[j] += v * v;
      }
    for (; p < pixels; p++, from += channels) {
      vec<V> v = load<V>(from) - about;
      u[0] += v;
      q[0] += v * v;
    }
    vec<V> sum = (u[0] + u[1]) + (u[2] + u[3]), squares = (q[0] + q[1]) + (q[2] + q[3]);
    for (int l = 0; l < V; l++) s1[k + l] += sum[l], s2[k + l] += squares[l];
  });
}

// s1 += factor * sum of g, s2 += factor * sum of g * (y - mean).
inline void add_products(const real *g, const real *y, i64 channels, i64 pixels, const real *mean, double factor,
                         double *s1, double *s2) {
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    vec<V> u[4] = {}, q[4] = {}, about = load<V>(mean + k);
    const real *a = g + k, *b = y + k;
    i64 p = 0;
    for (; p + 4 <= pixels; p += 4, a += 4 * channels, b += 4 * channels)
      UNROLL for (int j = 0; j < 4; j++) {
        vec<V> v = load<V>(a + j * channels);
        u[j] += v;
        q[j] += v * (load<V>(b + j * channels) - about);
      }
    for (; p < pixels; p++, a += channels, b += channels) {
      vec<V> v = load<V>(a);
      u[0] += v;
      q[0] += v * (load<V>(b) - about);
    }
    vec<V> sum = (u[0] + u[1]) + (u[2] + u[3]), products = (q[0] + q[1]) + (q[2] + q[3]);
    for (int l = 0; l < V; l++) s1[k + l] += factor * sum[l], s2[k + l] += factor * products[l];
  });
}

// Pixels of a map to copy: `step` apart from (top, left), to rows `to_row` and pixels `to_pixel` apart.
struct Grid {
  i64 top, left, step, rows, columns, to_row, to_pixel;
};

// Copies a grid of a map's pixels, normalised where scale is given, with or without ReLU.
template <bool RELU>
void copy_grid(const real *map, i64 channels, i64 width, const real *scale, const real *shift, const Grid &grid, real *to) {
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    auto rows = [&](auto value) {
      for (i64 i = 0; i < grid.rows; i++) {
        const real *from = map + ((grid.top + i * grid.step) * width + grid.left) * channels + k;
        real *out = to + i * grid.to_row + k;
        for (i64 j = 0; j < grid.columns; j++) {
          vec<V> v = value(load<V>(from + j * grid.step * channels));
          store<V>(out + j * grid.to_pixel, RELU ? relu(v) : v);
        }
      }
    };
    if (scale) {
      vec<V> a = load<V>(scale + k), b = load<V>(shift + k);
      rows([&](vec<V> v) { return v * a + b; });
    } else {
      rows([](vec<V> v) { return v; });
    }
  });
}

// One summand of a node: factor * (scale * map + shift).
struct Term {
  const real *map, *scale, *shift;
  real factor;
};

// out (= or +=) the sum of E terms over the pixels.
template <int E> INLINE void add_terms(const Term *terms, bool first, i64 channels, i64 pixels, real *out) {
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    vec<V> scale[E], shift{};
    UNROLL for (int e = 0; e < E; e++) {
      scale[e] = load<V>(terms[e].scale + k) * terms[e].factor;
      shift += load<V>(terms[e].shift + k) * terms[e].factor;
    }
    for (i64 p = 0; p < pixels; p++) {
      i64 at = p * channels + k;
      vec<V> sum = first ? shift : load<V>(out + at) + shift;
      UNROLL for (int e = 0; e < E; e++) sum += scale[e] * load<V>(terms[e].map + at);
      store<V>(out + at, sum);
    }
  });
}

// The gradient of a map before its norm, from that of the normalised value: k1 * factor * g + k2 * y + k3.
struct Behind {
  const real *g, *k1, *k2, *k3;
  real factor;
};

INLINE void gradient_behind_norm(const Behind &b, const real *y, bool first, i64 channels, i64 pixels, real *out) {
  over_channels(channels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    vec<V> k1 = load<V>(b.k1 + k) * b.factor, k2 = load<V>(b.k2 + k), k3 = load<V>(b.k3 + k);
    for (i64 p = 0; p < pixels; p++) {
      i64 at = p * channels + k;
      vec<V> v = k1 * load<V>(b.g + at) + (k2 * load<V>(y + at) + k3);
      store<V>(out + at, first ? v : load<V>(out + at) + v);
    }
  });
}
