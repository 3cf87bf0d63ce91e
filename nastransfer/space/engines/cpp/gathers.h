// ReLU and pointwise convolution over one or several maps side by side (a cell's inputs), and the stem's 3x3
// convolution.
//
// Stride 2 is the factorized reduction: half of the outputs come from the even pixels, half from the odd ones.
// Weights: [inputs][outputs], at stride 2 one such block for each half; the stem's: 27 inputs and a zero.
#pragma once
#include "image.h"

constexpr i64 STEM_INPUTS = 28;

inline void Image::gather(const Op &op) {
  const Map &target = call_.map[op.target];
  const i64 inputs = source(op).channels * op.count, part = target.channels / op.stride, width = target.width;
  const i64 step = band(inputs > 256 ? 16 : inputs > 128 ? 32 : 64, width);
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top);
    real *to = value(target) + top * width * target.channels;
    for (i64 t = 0; t < op.stride; t++) {
      real *z = s_.z.data();
      for (i64 i = 0; i < op.count; i++) {
        const Map &map = call_.map[call_.input[op.first + i].index];
        copy<true>(map, {top * op.stride + t, t, op.stride, rows, width, width * inputs, inputs}, z + i * map.channels);
      }
      pointwise_to(z, inputs, inputs, call_.theta + op.weights + t * inputs * part, part, rows, width, to + t * part,
                   target.channels, width * target.channels);
    }
    add_sums(target, to, rows * width);
  }
}

// One map at a time, so that its ReLU, its weights and their gradient stay in the innermost cache.
inline void Image::gather_backward(const Op &op) {
  const Map &target = call_.map[op.target];
  const i64 c = source(op).channels, inputs = c * op.count, part = target.channels / op.stride, width = target.width;
  const i64 step = band(c > 80 ? 32 : 64, width);
  real *z = s_.z.data(), *g = s_.behind.data();
  if (op.flags & SOURCE_GRADIENT && op.stride == 2)      // only every other pixel is written below
    for (i64 i = 0; i < op.count; i++) {
      const Input &input = call_.input[op.first + i];
      if (!input.add) std::fill_n(gradient(call_.map[input.index]), size(call_.map[input.index]), real(0));
    }
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top);
    behind_norm(target, top * width, rows * width, g);
    for (i64 t = 0; t < op.stride; t++)
      for (i64 i = 0; i < op.count; i++) {
        const Input &input = call_.input[op.first + i];
        const Map &map = call_.map[input.index];
        const i64 weights = op.weights + t * inputs * part;
        copy<true>(map, {top * op.stride + t, t, op.stride, rows, width, width * c, c}, z);
        if (op.flags & WEIGHT_GRADIENT)
          pointwise_gradient(z, c, c, g + t * part, target.channels, part, rows * width,
                             s_.weights.data() + weights + i * c * part);
        if (!(op.flags & SOURCE_GRADIENT)) continue;
        real *to = gradient(map) + ((top * op.stride + t) * map.width + t) * c;
        const i64 row = op.stride * map.width * c, pixel = op.stride * c;
        auto put = [=](auto adding) {
          return [=](i64 h, i64 x, i64 k, auto v) {
            decltype(v) on, old;
            std::memcpy(&on, z + (h * width + x) * c + k, sizeof on);
            real *at = to + h * row + x * pixel + k;
            v = passed(on, v);
            if constexpr (adding) {
              std::memcpy(&old, at, sizeof old);
              v += old;
            }
            std::memcpy(at, &v, sizeof v);
          };
        };
        const real *transposed = call_.flipped + weights + i * c;
        if (input.add || op.stride == 2)
          pointwise(g + t * part, target.channels, part, transposed, inputs, c, rows, width, put(Int<1>{}));
        else
          pointwise(g + t * part, target.channels, part, transposed, inputs, c, rows, width, put(Int<0>{}));
      }
  }
}

// The image with a border of one pixel, three channels a pixel.
inline void Image::pad_image(const Map &image) {
  const i64 row = (image.width + 2) * 3;
  real *to = s_.plain.data();
  std::fill_n(to, (image.height + 2) * row, real(0));
  for (i64 i = 0; i < image.height; i++)
    std::memcpy(to + (i + 1) * row + 3, value(image) + i * image.width * 3, image.width * 3 * sizeof(real));
}

// The 27 numbers that each output of some rows sees, and a zero.
inline void Image::image_rows(const Map &image, i64 top, i64 rows) {
  const real *from = s_.plain.data();
  for (i64 i = 0; i < rows; i++)
    for (i64 x = 0; x < image.width; x++) {
      real *z = s_.z.data() + (i * image.width + x) * STEM_INPUTS;
      for (i64 t = 0; t < 3; t++)
        std::memcpy(z + 9 * t, from + ((top + i + t) * (image.width + 2) + x) * 3, 9 * sizeof(real));
      z[27] = 0;
    }
}

inline void Image::stem(const Op &op) {
  const Map &image = source(op), &target = call_.map[op.target];
  const i64 c = target.channels, step = band(64, target.width);
  pad_image(image);
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top);
    real *to = value(target) + top * target.width * c;
    image_rows(image, top, rows);
    pointwise_to(s_.z.data(), STEM_INPUTS, STEM_INPUTS, call_.theta + op.weights, c, rows, target.width, to, c,
                 target.width * c);
    add_sums(target, to, rows * target.width);
  }
}

inline void Image::stem_backward(const Op &op) {
  const Map &image = source(op), &target = call_.map[op.target];
  const i64 c = target.channels, step = band(64, target.width);
  pad_image(image);
  for (i64 top = 0; top < target.height; top += step) {
    i64 rows = std::min(step, target.height - top), pixels = rows * target.width;
    image_rows(image, top, rows);
    behind_norm(target, top * target.width, pixels, s_.behind.data());
    pointwise_gradient(s_.z.data(), STEM_INPUTS, STEM_INPUTS, s_.behind.data(), c, c, pixels,
                       s_.weights.data() + op.weights);
  }
}
