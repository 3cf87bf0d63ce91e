// Pools of one image, nodes as weighted sums of what they read, and identities.
#pragma once
#include "image.h"

inline PoolShape Image::pool_shape(const Op &op) const {
  const Map &map = source(op), &target = call_.map[op.target];
  return {map.channels, map.height, map.width, target.height, target.width, op.stride};
}

// What a pool sees: the source itself, or its normalised value.
inline const real *Image::pool_source(const Op &op) {
  const Map &map = source(op);
  if (map.statistics < 0) return value(map);
  copy<false>(map, {0, 0, 1, map.height, map.width, map.width * map.channels, map.channels}, s_.plain.data());
  return s_.plain.data();
}

inline void Image::pool(const Op &op) {
  const Map &target = call_.map[op.target];
  const real *in = pool_source(op);
  if (op.kind == MAX_POOL) max_pool(in, pool_shape(op), value(target));
  else average_pool(in, pool_shape(op), value(target));
  add_sums(target, value(target), target.height * target.width);
}

inline void Image::pool_backward(const Op &op) {
  if (!(op.flags & SOURCE_GRADIENT)) return;
  const Map &map = source(op), &target = call_.map[op.target];
  real *to = gradient(map);
  if (!call_.input[op.first].add) std::fill_n(to, size(map), real(0));
  behind_norm(target, 0, target.height * target.width, s_.behind.data());
  if (op.kind == MAX_POOL) max_pool_gradient(pool_source(op), s_.behind.data(), pool_shape(op), to);
  else average_pool_gradient(s_.behind.data(), pool_shape(op), to);
}

inline void Image::sum(const Op &op) {
  const Map &target = call_.map[op.target];
  const i64 c = target.channels, pixels = target.height * target.width;
  const i64 step = std::max<i64>(1, 2048 / c), ahead = look_ahead(size(target));
  Term terms[MOST_TERMS];
  int count = 0;
  for (i64 i = op.first; i < op.first + op.count; i++) {
    const Reading &r = call_.reading[call_.input[i].index];
    if (r.active)
      terms[count++] = {value(call_.map[r.map]), call_.scale + r.channel, call_.shift + r.channel, factor(r)};
  }
  for (i64 first = 0; first < pixels; first += step) {
    i64 some = std::min(step, pixels - first);
    real *out = value(target) + first * c;
    Term here[4];
    for (int e = 0; e < count;) {
      int together = count - e >= 4 ? 4 : count - e >= 2 ? 2 : 1;
      for (int t = 0; t < together; t++) {
        here[t] = terms[e + t];
        here[t].map += first * c;
      }
      if (together == 4) add_terms<4>(here, e == 0, c, some, ahead, out);
      else if (together == 2) add_terms<2>(here, e == 0, c, some, ahead, out);
      else add_terms<1>(here, e == 0, c, some, ahead, out);
      e += together;
    }
  }
}

// An identity: the node's gradient goes on to the source, and the weight's is the product of both.
inline void Image::copy_backward(const Op &op) {
  const Input &input = call_.input[op.first];
  const Reading &r = call_.reading[input.index];
  const Map &map = call_.map[r.map];
  const i64 c = map.channels, pixels = map.height * map.width;
  const real *g = gradient(call_.map[r.reader]), *x = value(map);
  if (op.flags & MIX_GRADIENT) {
    const bool normed = map.statistics >= 0;
    const Reading &own = call_.reading[normed ? map.first_reading : input.index];
    double total = 0;
    over_channels(c, [&](i64 k, auto lanes) {
      constexpr int V = lanes;
      vec<V> u{}, q{};
      for (i64 p = 0; p < pixels; p++) {
        vec<V> v = load<V>(g + p * c + k);
        u += v;
        q += v * load<V>(x + p * c + k);
      }
      for (int l = 0; l < V; l++)
        total += normed ? double(call_.scale[own.channel + k + l]) * q[l] +
                              double(call_.shift[own.channel + k + l]) * u[l]
                        : double(q[l]);
    });
    s_.mix[r.mix] += total;
  }
  if (!(op.flags & SOURCE_GRADIENT)) return;
  const real weight = factor(r) * (r.mix < 0 ? real(1) : call_.mix[r.mix]);
  real *to = gradient(map);
  const bool add = input.add;
  over_channels(c * pixels, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    vec<V> v = load<V>(g + k) * weight;
    store<V>(to + k, add ? load<V>(to + k) + v : v);
  });
}
