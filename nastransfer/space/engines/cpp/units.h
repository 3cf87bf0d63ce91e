// ReLU, depthwise and pointwise convolution of one image: half of a separable convolution, or a dilated one.
// Weights: kernel [K * K][channels], then the pointwise [channels][channels].
#pragma once
#include "image.h"

// Depthwise outputs of some rows of the target into z.
template <int K, int D, int S> void Image::depthwise_rows(const Op &op, const Map &target, i64 top, i64 rows) {
  const i64 c = target.channels, row = s_.relu.row(), pixel = s_.relu.pixel();
  const real *first_tap = padded_relu(op) - D * (K / 2) * (row + pixel);
  for (i64 i = 0; i < rows; i++) {
    real *z = s_.z.data() + i * target.width * c;
    depthwise_row<K, D, S>(first_tap + (top + i) * S * row, row, pixel, call_.theta + op.weights, c, target.width,
                           [=](i64 x, i64 k, auto v) { std::memcpy(z + x * c + k, &v, sizeof v); });
  }
}

template <int K, int D, int S> void Image::unit(const Op &op) {
  const Map &target = call_.map[op.target];
  const i64 c = target.channels, step = band(64, target.width);
  const real *pointwise_weights = call_.theta + op.weights + K * K * c;
  padded_relu(op);
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top);
    real *to = value(target) + top * target.width * c;
    depthwise_rows<K, D, S>(op, target, top, rows);
    pointwise_to(s_.z.data(), c, c, pointwise_weights, c, rows, target.width, to, c, target.width * c);
    add_sums(target, to, rows * target.width);
  }
}

template <int K, int D, int S> void Image::unit_backward(const Op &op) {
  const Map &target = call_.map[op.target];
  const i64 c = target.channels, step = band(64, target.width);
  const real *transposed = call_.flipped + op.weights + K * K * c;
  real *weights = s_.weights.data() + op.weights;
  const real *relu = padded_relu(op);
  Padded &g = s_.gradient;
  g.shape(c, target.height, target.width, call_.pad);
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top), pixels = rows * target.width;
    behind_norm(target, top * target.width, pixels, s_.behind.data());
    pointwise_to(s_.behind.data(), c, c, transposed, c, rows, target.width, g.inside() + top * g.row(), g.pixel(),
                 g.row());
    if (op.flags & WEIGHT_GRADIENT) {
      depthwise_rows<K, D, S>(op, target, top, rows);
      pointwise_gradient(s_.z.data(), c, c, s_.behind.data(), c, c, pixels, weights + K * K * c);
    }
  }
  if (op.flags & WEIGHT_GRADIENT)
    depthwise_gradient<K, D, S>(relu - D * (K / 2) * (s_.relu.row() + s_.relu.pixel()), s_.relu.row(), s_.relu.pixel(),
                                g.inside(), g.row(), g.pixel(), c, target.height, target.width, weights);
  if (op.flags & SOURCE_GRADIENT) unit_source_gradient<K, D, S>(op, relu);
}

// The gradient of the source, where ReLU let it pass: at stride 1 a convolution with the flipped kernel.
template <int K, int D, int S> void Image::unit_source_gradient(const Op &op, const real *relu) {
  const Map &map = source(op), &target = call_.map[op.target];
  const i64 c = map.channels, row = s_.relu.row(), pixel = s_.relu.pixel();
  const bool add = call_.input[op.first].add;
  real *to = gradient(map);
  Padded &g = s_.gradient;
  auto put_row = [&](i64 i, auto adding) {
    return [=](i64 x, i64 k, auto v) {
      decltype(v) on, old;
      std::memcpy(&on, relu + i * row + x * pixel + k, sizeof on);
      real *at = to + (i * map.width + x) * c + k;
      v = passed(on, v);
      if constexpr (adding) {
        std::memcpy(&old, at, sizeof old);
        v += old;
      }
      std::memcpy(at, &v, sizeof v);
    };
  };
  if constexpr (S == 1) {
    const real *first_tap = g.inside() - D * (K / 2) * (g.row() + g.pixel()), *kernel = call_.flipped + op.weights;
    for (i64 i = 0; i < map.height; i++) {
      const real *from = first_tap + i * g.row();
      if (add) depthwise_row<K, D, 1>(from, g.row(), g.pixel(), kernel, c, map.width, put_row(i, Int<1>{}));
      else depthwise_row<K, D, 1>(from, g.row(), g.pixel(), kernel, c, map.width, put_row(i, Int<0>{}));
    }
  } else {
    Padded &spread = s_.spread;
    spread.shape(c, map.height, map.width, call_.pad);
    spread.clear();
    depthwise_spread<K, D>(g.inside(), g.row(), g.pixel(), call_.theta + op.weights, c, target.height, target.width,
                           spread.inside() - D * (K / 2) * (spread.row() + spread.pixel()), spread.row(),
                           spread.pixel());
    for (i64 i = 0; i < map.height; i++)
      over_channels(c, [&](i64 k, auto lanes) {
        constexpr int V = lanes;
        const real *from = spread.inside() + i * spread.row() + k;
        auto set = put_row(i, Int<0>{});
        auto sum = put_row(i, Int<1>{});
        for (i64 x = 0; x < map.width; x++)
          if (add) sum(x, k, load<V>(from + x * spread.pixel()));
          else set(x, k, load<V>(from + x * spread.pixel()));
      });
  }
}
