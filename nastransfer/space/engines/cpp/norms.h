// Batch norms in pieces: sums over pixels, normalised values, weighted sums of maps, gradients behind a norm.
//
// A map is kept as it was before its norm; whoever reads it applies scale and shift on the fly. Sums run in registers
// over short stretches of pixels and go on in double precision.
#pragma once
#include "vectors.h"

// s1 += sum of (y - pivot), s2 += sum of (y - pivot)^2. The pivot is near the mean, so that their difference keeps its
// digits.
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
  const i64 ahead = look_ahead(channels * pixels);
  over_blocks(channels, [&](i64 k, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors, R = 4 / G;
    vec<V> u[R][G] = {}, q[R][G] = {}, about[G];
    UNROLL for (int b = 0; b < G; b++) about[b] = load<V>(mean + k + b * V);
    const real *from = g + k, *map = y + k;
    i64 p = 0;
    auto pixel = [&](vec<V> *sums, vec<V> *products) {
      UNROLL for (int b = 0; b < G; b++) {
        ask(map + b * V + ahead);
        vec<V> v = load<V>(from + b * V);
        sums[b] += v;
        products[b] += v * (load<V>(map + b * V) - about[b]);
      }
      from += channels, map += channels;
    };
    for (; p + R <= pixels; p += R) UNROLL for (int j = 0; j < R; j++) pixel(u[j], q[j]);
    for (; p < pixels; p++) pixel(u[0], q[0]);
    UNROLL for (int b = 0; b < G; b++) {
      vec<V> sum = u[0][b], products = q[0][b];
      UNROLL for (int j = 1; j < R; j++) sum += u[j][b], products += q[j][b];
      for (int l = 0; l < V; l++) s1[k + b * V + l] += factor * sum[l], s2[k + b * V + l] += factor * products[l];
    }
  });
}

// Pixels of a map to copy: `step` apart from (top, left), to rows `to_row` and pixels `to_pixel` apart.
struct Grid {
  i64 top, left, step, rows, columns, to_row, to_pixel;
};

// Copies a grid of a map's pixels, normalised where scale is given, with or without ReLU.
template <bool RELU>
void copy_grid(const real *map, i64 channels, i64 width, const real *scale, const real *shift, const Grid &grid,
               i64 ahead, real *to) {
  over_blocks(channels, [&](i64 k, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors;
    auto rows = [&](auto value) {
      for (i64 i = 0; i < grid.rows; i++) {
        const real *from = map + ((grid.top + i * grid.step) * width + grid.left) * channels + k;
        real *out = to + i * grid.to_row + k;
        for (i64 j = 0; j < grid.columns; j++, from += grid.step * channels, out += grid.to_pixel)
          UNROLL for (int b = 0; b < G; b++) {
            ask(from + b * V + ahead);
            vec<V> v = value(load<V>(from + b * V), b);
            store<V>(out + b * V, RELU ? relu(v) : v);
          }
      }
    };
    if (scale) {
      vec<V> slope[G], offset[G];
      UNROLL for (int b = 0; b < G; b++) slope[b] = load<V>(scale + k + b * V), offset[b] = load<V>(shift + k + b * V);
      rows([&](vec<V> v, int b) { return v * slope[b] + offset[b]; });
    } else {
      rows([](vec<V> v, int) { return v; });
    }
  });
}

// One summand of a node: factor * (scale * map + shift).
struct Term {
  const real *map, *scale, *shift;
  real factor;
};

// out (= or +=) the sum of E terms over the pixels.
template <int E>
INLINE void add_terms(const Term *terms, bool first, i64 channels, i64 pixels, i64 ahead, real *out) {
  over_blocks(channels, [&](i64 k, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors;
    vec<V> scale[E][G], shift[G] = {};
    UNROLL for (int e = 0; e < E; e++) UNROLL for (int b = 0; b < G; b++) {
      scale[e][b] = load<V>(terms[e].scale + k + b * V) * terms[e].factor;
      shift[b] += load<V>(terms[e].shift + k + b * V) * terms[e].factor;
    }
    for (i64 p = 0; p < pixels; p++) UNROLL for (int b = 0; b < G; b++) {
      i64 at = p * channels + k + b * V;
      vec<V> sum = first ? shift[b] : load<V>(out + at) + shift[b];
      UNROLL for (int e = 0; e < E; e++) {
        ask(terms[e].map + at + ahead);
        sum += scale[e][b] * load<V>(terms[e].map + at);
      }
      store<V>(out + at, sum);
    }
  });
}

// The gradient of a map before its norm, from that of the normalised value: k1 * factor * g + k2 * y + k3.
struct Behind {
  const real *g, *k1, *k2, *k3;
  real factor;
};

INLINE void gradient_behind_norm(const Behind &b, const real *y, bool first, i64 channels, i64 pixels, i64 ahead,
                                 real *out) {
  over_blocks(channels, [&](i64 k, auto lanes, auto vectors) {
    constexpr int V = lanes, G = vectors;
    vec<V> k1[G], k2[G], k3[G];
    UNROLL for (int j = 0; j < G; j++) {
      k1[j] = load<V>(b.k1 + k + j * V) * b.factor;
      k2[j] = load<V>(b.k2 + k + j * V);
      k3[j] = load<V>(b.k3 + k + j * V);
    }
    for (i64 p = 0; p < pixels; p++) UNROLL for (int j = 0; j < G; j++) {
      i64 at = p * channels + k + j * V;
      ask(y + at + ahead);
      vec<V> v = k1[j] * load<V>(b.g + at) + (k2[j] * load<V>(y + at) + k3[j]);
      store<V>(out + at, first ? v : load<V>(out + at) + v);
    }
  });
}
