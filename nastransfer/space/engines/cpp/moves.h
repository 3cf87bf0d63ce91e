// Partial channels: a node cut into the channels that edges mix and those that pass by, halved where the edge halves,
// and both put together again, shuffled. None of these maps has a norm; their gradients go on in the phase that
// completes them.
#pragma once
#include "image.h"

// Some channels of a map, as its readers see it.
inline void Image::part(const Op &op) {
  const Map &map = source(op), &target = call_.map[op.target];
  const i64 c = target.channels, pixels = map.height * map.width;
  const bool normed = map.statistics >= 0;
  const i64 channel = normed ? call_.reading[map.first_reading].channel + op.channel : 0;
  const real *from = value(map) + op.channel;
  real *to = value(target);
  over_channels(c, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    auto each = [&](auto change) {
      for (i64 p = 0; p < pixels; p++) store<V>(to + p * c + k, change(load<V>(from + p * map.channels + k)));
    };
    if (normed) {
      vec<V> a = load<V>(call_.scale + channel + k), b = load<V>(call_.shift + channel + k);
      each([&](vec<V> v) { return v * a + b; });
    } else {
      each([](vec<V> v) { return v; });
    }
  });
}

inline void Image::part_backward(const Op &op) {
  const Map &map = source(op), &target = call_.map[op.target];
  const i64 c = target.channels, pixels = map.height * map.width;
  const real *g = gradient(target);
  if (!call_.input[op.first].add) std::fill_n(gradient(map), size(map), real(0));   // other parts write the rest
  real *to = gradient(map) + op.channel;
  over_channels(c, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    for (i64 p = 0; p < pixels; p++) {
      real *at = to + p * map.channels + k;
      store<V>(at, load<V>(at) + load<V>(g + p * c + k));
    }
  });
}

// The maximum of 2 by 2 pixels.
inline void Image::halve(const Op &op) {
  const Map &map = source(op), &target = call_.map[op.target];
  const i64 c = map.channels;
  const real *from = value(map);
  real *to = value(target);
  over_channels(c, [&](i64 k, auto lanes) {
    constexpr int V = lanes;
    for (i64 i = 0; i < target.height; i++)
      for (i64 j = 0; j < target.width; j++) {
        const real *in = from + (2 * i * map.width + 2 * j) * c + k;
        vec<V> most = load<V>(in);
        for (i64 step : {c, map.width * c, (map.width + 1) * c}) most = larger(load<V>(in + step), most);
        store<V>(to + (i * target.width + j) * c + k, most);
      }
  });
}

inline void Image::halve_backward(const Op &op) {
  const Map &map = source(op), &target = call_.map[op.target];
  const i64 c = map.channels;
  const real *from = value(map), *halved = value(target), *g = gradient(target);
  real *to = gradient(map);
  if (!call_.input[op.first].add) std::fill_n(to, size(map), real(0));
  for (i64 i = 0; i < target.height; i++)
    for (i64 j = 0; j < target.width; j++) {
      const i64 in = (2 * i * map.width + 2 * j) * c, out = (i * target.width + j) * c;
      const i64 steps[] = {0, c, map.width * c, (map.width + 1) * c};
      for (i64 k = 0; k < c; k++) {
        // The first of equal values, as torch takes it; a NaN is the last one.
        i64 hit = in + k;
        for (i64 step : steps)
          if (from[in + step + k] != from[in + step + k]) hit = in + step + k;
        if (halved[out + k] == halved[out + k])
          for (int s = 3; s >= 0; s--)
            if (from[in + steps[s] + k] == halved[out + k]) hit = in + steps[s] + k;
        to[hit] += g[out + k];
      }
    }
}

// Two inputs, mixed channels and those that passed: channel c of part p becomes channel c * parts + p.
inline void Image::shuffle(const Op &op) {
  const Map &mixed = source(op), &others = call_.map[call_.input[op.first + 1].index], &target = call_.map[op.target];
  const i64 width = mixed.channels, parts = target.channels / width, pixels = target.height * target.width;
  const real *a = value(mixed), *b = value(others);
  real *to = value(target);
  for (i64 p = 0; p < pixels; p++, a += width, b += others.channels)
    for (i64 c = 0; c < width; c++) {
      *to++ = a[c];
      for (i64 part = 0; part + 1 < parts; part++) *to++ = b[part * width + c];
    }
}

inline void Image::shuffle_backward(const Op &op) {
  const Map &mixed = source(op), &others = call_.map[call_.input[op.first + 1].index], &target = call_.map[op.target];
  const i64 width = mixed.channels, parts = target.channels / width, pixels = target.height * target.width;
  real *a = gradient(mixed), *b = gradient(others);
  const real *g = gradient(target);
  for (i64 p = 0; p < pixels; p++, a += width, b += others.channels)
    for (i64 c = 0; c < width; c++) {
      a[c] = *g++;
      for (i64 part = 0; part + 1 < parts; part++) b[part * width + c] = *g++;
    }
}
