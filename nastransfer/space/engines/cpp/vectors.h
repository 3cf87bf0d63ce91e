// Numbers, short vectors of numbers, and buffers.
//
// Maps are channels-last: a pixel's channels lie side by side, so a loop over channels is a loop over short vectors.
// They are the compiler's portable vector types (g++ and clang, any CPU): WIDE lanes where they fit, then 8, 4, 2.
// Buffers start at a cache line: a vector that straddles two lines costs two loads.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <vector>

#ifndef REAL
#define REAL float
#endif
#define INLINE inline __attribute__((always_inline))
// clang unrolls loops of constant length by itself and does not know this pragma
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

using real = REAL;
using i64 = std::int64_t;

// Lanes of the widest vector, and pixels of a register tile: 16 x 8 sums fill half of AVX-512's registers, 8 x 4 of
// AVX2's.
#if defined(__AVX512F__)
constexpr int WIDE = 16, TILE = 8;
#else
constexpr int WIDE = 8, TILE = 4;
#endif
constexpr i64 LINE = 64 / sizeof(real);

template <int N> using Int = std::integral_constant<int, N>;

template <int V> struct Lanes {
  typedef real type __attribute__((vector_size(V * sizeof(real)), aligned(sizeof(real)), may_alias));
};
template <int V> using vec = typename Lanes<V>::type;

template <int V> INLINE vec<V> load(const real *p) { return *(const vec<V> *)p; }

// How far ahead a loop over a map of so many numbers asks for memory, in numbers. Processors look ahead by themselves,
// but not past a page of 4 KiB: for a map of many pages a loop asks for the same place of the next page. 0: for nothing
// new.
INLINE i64 look_ahead(i64 numbers) { return numbers * i64(sizeof(real)) > 16384 ? 4096 / i64(sizeof(real)) : 0; }
INLINE void ask(const real *p) { __builtin_prefetch(p, 0, 2); }
template <int V> INLINE void store(real *p, vec<V> v) { *(vec<V> *)p = v; }

// NaN stays NaN, as in torch: only what is certainly not above zero becomes zero.
template <class W> INLINE W relu(W v) { return v <= 0 ? W{} : v; }
// A gradient where ReLU let its input pass.
template <class W> INLINE W passed(W relu_output, W gradient) { return relu_output <= 0 ? W{} : gradient; }

// f(first channel, lanes) over the channels of a pixel; channels are a multiple of 4.
template <class F> INLINE void over_channels(i64 channels, F f) {
  i64 k = 0;
  for (; k + WIDE <= channels; k += WIDE) f(k, Int<WIDE>{});
  if constexpr (WIDE > 8)
    if (channels & 8) {
      f(k, Int<8>{});
      k += 8;
    }
  if (channels & 4) f(k, Int<4>{});
}

// The same with up to four vectors side by side, f(first channel, lanes, vectors): a pixel is read in one go, and a map
// from its first number to its last, as memory likes it.
template <class F> INLINE void over_blocks(i64 channels, F f) {
  i64 k = 0;
  for (; k + 4 * WIDE <= channels; k += 4 * WIDE) f(k, Int<WIDE>{}, Int<4>{});
  if (channels - k >= 2 * WIDE) {
    f(k, Int<WIDE>{}, Int<2>{});
    k += 2 * WIDE;
  }
  if (channels - k >= WIDE) {
    f(k, Int<WIDE>{}, Int<1>{});
    k += WIDE;
  }
  if constexpr (WIDE > 8)
    if (channels & 8) {
      f(k, Int<8>{}, Int<1>{});
      k += 8;
    }
  if (channels & 4) f(k, Int<4>{}, Int<1>{});
}

// Memory that is not cleared and starts at a cache line.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(i64 count) { reserve(count); }
  Buffer(Buffer &&other) noexcept : data_(other.data_), count_(other.count_) {
    other.data_ = nullptr;
    other.count_ = 0;
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { std::free(data_); }

  void reserve(i64 count) {
    if (count <= count_) return;
    std::free(data_);
    count_ = 0;
    data_ = static_cast<real *>(std::aligned_alloc(64, (count * sizeof(real) + 63) / 64 * 64));
    if (!data_) {                       // threads cannot hand an exception on to Python
      std::fprintf(stderr, "nastransfer: no memory for %lld bytes of scratch\n", (long long)(count * sizeof(real)));
      std::abort();
    }
    count_ = count;
  }
  real *data() { return data_; }

 private:
  real *data_ = nullptr;
  i64 count_ = 0;
};

// One image's map inside a border of zeros, which depthwise convolutions read without asking where the map ends.
// A pixel of 16 channels or more starts at a cache line.
class Padded {
 public:
  void shape(i64 channels, i64 height, i64 width, i64 pad) {
    if (channels == channels_ && height == height_ && width == width_ && pad == pad_) return;
    channels_ = channels, height_ = height, width_ = width, pad_ = pad;
    pixel_ = channels < 16 ? channels : (channels + LINE - 1) / LINE * LINE;
    row_ = (width + 2 * pad) * pixel_;
    buffer_.reserve((height + 2 * pad) * row_);
    clear();
  }
  void clear() { std::fill_n(buffer_.data(), (height_ + 2 * pad_) * row_, real(0)); }
  void forget() { channels_ = 0; }
  i64 pixel() const { return pixel_; }
  i64 row() const { return row_; }
  real *inside() { return buffer_.data() + pad_ * (row_ + pixel_); }   // the map's first pixel

 private:
  Buffer buffer_;
  i64 channels_ = 0, height_ = 0, width_ = 0, pad_ = 0, pixel_ = 0, row_ = 0;
};
