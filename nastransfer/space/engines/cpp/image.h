// The operations of a plan on one image, each way. Everything between two batch norms happens here, in a thread's
// cache.
//
// Forward, an operation writes its target map as it is before the norm and adds to the norm's sums. Backward, it reads
// the gradient behind the norm, adds to its weights' gradient, and begins or adds to the gradient of its inputs. What a
// depthwise convolution gave forward is computed again: keeping it would double the memory.
#pragma once
#include "depthwise.h"
#include "norms.h"
#include "plan.h"
#include "pointwise.h"
#include "pools.h"

// What one thread needs; nothing of it outlives a call.
struct Scratch {
  Padded relu, gradient, spread;        // ReLU of a source; gradients of a depthwise output, of a strided source
  i64 relu_map = -1, relu_image = -1;   // what `relu` holds
  Buffer z, behind, plain;              // depthwise outputs or gathered inputs; gradient behind a norm; a pool's maps
  Buffer pivot, weights;                // shifts of the sums; the weights' gradient
  std::vector<double> s1, s2, mix;      // a norm's sums; gradient of the mixture weights
  std::vector<i64> counted;             // pixels summed
};

class Image {
 public:
  Image(const Call &call, i64 image, i64 thread, Scratch &scratch)
      : call_(call), image_(image), thread_(thread), s_(scratch) {}

  void forward(const Op &op) {
    switch (op.kind) {
      case UNIT: each_unit(op, [&](auto k, auto d, auto s) { unit<k, d, s>(op); }); break;
      case GATHER: gather(op); break;
      case SUM: sum(op); break;
      case STEM: stem(op); break;
      case PART: part(op); break;
      case HALVE: halve(op); break;
      case SHUFFLE: shuffle(op); break;
      default: pool(op);
    }
  }
  void backward(const Op &op) {
    switch (op.kind) {
      case UNIT: each_unit(op, [&](auto k, auto d, auto s) { unit_backward<k, d, s>(op); }); break;
      case GATHER: gather_backward(op); break;
      case COPY: copy_backward(op); break;
      case STEM: stem_backward(op); break;
      case PART: part_backward(op); break;
      case HALVE: halve_backward(op); break;
      case SHUFFLE: shuffle_backward(op); break;
      default: pool_backward(op);
    }
  }
  // Adds this image's part to the sums of a norm's gradient.
  void norm_sums(const Reading &reading) {
    const Map &map = call_.map[reading.map];
    add_products(gradient(call_.map[reading.reader]), value(map), map.channels, map.height * map.width,
                 call_.mean + map.statistics, factor(reading), &s_.s1[reading.channel], &s_.s2[reading.channel]);
  }

 private:
  const Call &call_;
  i64 image_, thread_;
  Scratch &s_;

  static i64 size(const Map &map) { return map.height * map.width * map.channels; }
  real *value(const Map &map) const {
    return (real *)map.value + (map.by_thread ? thread_ : image_) * map.value_step;
  }
  real *gradient(const Map &map) const { return (real *)map.gradient + image_ * map.gradient_step; }
  const Map &source(const Op &op) const { return call_.map[call_.input[op.first].index]; }
  real factor(const Reading &r) const { return r.keep < 0 ? real(1) : call_.keep[r.keep * call_.images + image_]; }

  template <class F> static INLINE void each_unit(const Op &op, F f) {
    switch (op.kernel * 100 + op.dilation * 10 + op.stride) {
      case 311: f(Int<3>{}, Int<1>{}, Int<1>{}); break;
      case 312: f(Int<3>{}, Int<1>{}, Int<2>{}); break;
      case 321: f(Int<3>{}, Int<2>{}, Int<1>{}); break;
      case 322: f(Int<3>{}, Int<2>{}, Int<2>{}); break;
      case 511: f(Int<5>{}, Int<1>{}, Int<1>{}); break;
      case 512: f(Int<5>{}, Int<1>{}, Int<2>{}); break;
      case 521: f(Int<5>{}, Int<2>{}, Int<1>{}); break;
      case 522: f(Int<5>{}, Int<2>{}, Int<2>{}); break;
    }
  }

  // Rows of a map that are worked on at a time, so that they stay in the innermost cache.
  static i64 band(i64 pixels, i64 width) { return std::max<i64>(1, pixels / width); }

  template <bool RELU> void copy(const Map &map, const Grid &grid, real *to) {
    bool normed = map.first_reading >= 0 && map.statistics >= 0;
    i64 channel = normed ? call_.reading[map.first_reading].channel : 0;
    copy_grid<RELU>(value(map), map.channels, map.width, normed ? call_.scale + channel : nullptr,
                    call_.shift + channel, grid, look_ahead(size(map)), to);
  }

  // First pixel of the ReLU of a map, in its border; kept while the next operation reads the same map.
  const real *padded_relu(const Op &op) {
    i64 index = call_.input[op.first].index;
    const Map &map = call_.map[index];
    s_.relu.shape(map.channels, map.height, map.width, call_.pad);
    if (s_.relu_map != index || s_.relu_image != image_)
      copy<true>(map, {0, 0, 1, map.height, map.width, s_.relu.row(), s_.relu.pixel()}, s_.relu.inside());
    s_.relu_map = index;
    s_.relu_image = image_;
    return s_.relu.inside();
  }

  // Sums of rows of an operation's target, just written.
  void add_sums(const Map &target, const real *rows, i64 pixels) {
    if (!call_.training || target.statistics < 0) return;
    real *pivot = s_.pivot.data() + target.statistics;
    i64 &counted = s_.counted[target.statistics];
    if (!counted) std::copy_n(rows, target.channels, pivot);
    counted += pixels;
    add_moments(rows, target.channels, pixels, pivot, &s_.s1[target.statistics], &s_.s2[target.statistics]);
  }

  // Gradient behind the target's norm for `pixels` from `first` on: the sum over all that read it.
  void behind_norm(const Map &map, i64 first, i64 pixels, real *out) {
    bool begun = false;
    for (i64 i = map.first_reading; i < map.first_reading + map.readings; i++) {
      const Reading &r = call_.reading[i];
      if (!r.active || r.kind == IDENTITY) continue;
      i64 at = first * map.channels;
      const real *k = call_.behind + r.channel;
      Behind b{gradient(call_.map[r.reader]) + at, k, k + call_.channels, k + 2 * call_.channels, factor(r)};
      gradient_behind_norm(b, value(map) + at, !begun, map.channels, pixels, look_ahead(size(map)), out);
      begun = true;
    }
  }

  // units.h: ReLU, depthwise, pointwise
  template <int K, int D, int S> void depthwise_rows(const Op &op, const Map &target, i64 top, i64 rows);
  template <int K, int D, int S> void unit(const Op &op);
  template <int K, int D, int S> void unit_backward(const Op &op);
  template <int K, int D, int S> void unit_source_gradient(const Op &op, const real *relu);
  // gathers.h: ReLU and pointwise over several maps; the stem
  void gather(const Op &op);
  void gather_backward(const Op &op);
  void image_rows(const Map &image, i64 top, i64 rows);
  void pad_image(const Map &image);
  void stem(const Op &op);
  void stem_backward(const Op &op);
  // nodes.h: pools, sums, identities
  const real *pool_source(const Op &op);
  PoolShape pool_shape(const Op &op) const;
  void pool(const Op &op);
  void pool_backward(const Op &op);
  void sum(const Op &op);
  void copy_backward(const Op &op);
  // moves.h: partial channels
  void part(const Op &op);
  void part_backward(const Op &op);
  void halve(const Op &op);
  void halve_backward(const Op &op);
  void shuffle(const Op &op);
  void shuffle_backward(const Op &op);
};
