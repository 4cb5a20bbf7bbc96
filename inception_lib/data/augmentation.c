/* What `augmentation.apply` does with Pillow, many pixels at a time and with the same numbers.

   Resizing follows Pillow's Resample.c: weights in double precision, rounded to whole multiples of 2^-22; sums
   in 32-bit integers, rounded to bytes after each of the two passes. Pixels have four bytes here, of which the
   last has no meaning. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST = 0, BILINEAR = 2, BICUBIC = 3, BOX = 4 }; /* PIL.Image.Resampling */
#define BITS 22
#define LANES 16

static double weight(int filter, double x) {
    const double a = -0.5;
    if (filter == BOX) return x > -0.5 && x <= 0.5;
    x = fabs(x);
    if (filter == BILINEAR) return x < 1 ? 1 - x : 0;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Of one axis: for each of `count` results the first pixel, how many, and the weight of each. */
typedef struct { int count, most, *first, *number; int32_t *weights; } Taps;

static void drop(Taps *t) { free(t->first); free(t->number); free(t->weights); }

static int taps(Taps *t, int filter, int side, double begin, double end, int to, int corner, int count) {
    double scale = (end - begin) / to, wider = scale < 1 ? 1 : scale;
    double reach = wider * (filter == BOX ? 0.5 : filter == BILINEAR ? 1 : 2), inverse = 1 / wider;
    t->count = count;
    t->most = 2 * (int)ceil(reach) + 1;
    t->first = malloc(count * sizeof(int));
    t->number = malloc(count * sizeof(int));
    t->weights = calloc((size_t)count * t->most, sizeof(int32_t));
    double *found = malloc(t->most * sizeof(double));
    int right = t->first && t->number && t->weights && found;
    for (int i = 0; right && i < count; i++) {
        double center = begin + (i + corner + 0.5) * scale, sum = 0;
        int first = (int)(center - reach + 0.5), last = (int)(center + reach + 0.5);
        if (first < 0) first = 0;
        if (last > side) last = side;
        for (int j = first; j < last; j++) sum += found[j - first] = weight(filter, (j - center + 0.5) * inverse);
        for (int j = 0; j < last - first; j++) {
            double w = (sum != 0 ? found[j] / sum : found[j]) * (1 << BITS);
            t->weights[(size_t)i * t->most + j] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
        }
        t->first[i] = first;
        t->number[i] = last - first;
    }
    free(found);
    return right;
}

/* One of the results: a weighted sum of `number` groups of bytes that lie `step` bytes apart. */
static inline void weighted(const uint8_t *from, size_t step, const int32_t *weights, int number, uint8_t *to) {
    int32_t sum[LANES];
    for (int i = 0; i < LANES; i++) sum[i] = 1 << (BITS - 1);
    for (int k = 0; k < number; k++, from += step)
        for (int i = 0; i < LANES; i++) sum[i] += from[i] * weights[k];
    for (int i = 0; i < LANES; i++) {
        int32_t value = sum[i] >> BITS;
        to[i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
}

/* Rows of pixels to `t->count` columns each; four rows at a time, a pixel of each side by side. */
static int horizontal(const uint8_t *from, int width, int rows, int x0, const Taps *t, uint8_t *to) {
    uint32_t *four = malloc((size_t)width * LANES);
    if (!four) return 0;
    for (int y = 0; y < rows; y += 4) {
        for (int r = 0; r < 4; r++) {
            const uint8_t *row = from + (size_t)(y + r < rows ? y + r : rows - 1) * width * 3;
            for (int x = 0; x < width - 1; x++) memcpy(four + 4 * x + r, row + 3 * x, 4);
            memcpy(four + 4 * (width - 1) + r, row + 3 * (width - 1), 3);
        }
        for (int x = 0; x < t->count; x++) {
            uint32_t pixels[4];
            weighted((uint8_t *)(four + 4 * (t->first[x] - x0)), LANES, t->weights + (size_t)x * t->most,
                     t->number[x], (uint8_t *)pixels);
            for (int r = 0; r < 4 && y + r < rows; r++)
                memcpy(to + 4 * ((size_t)(y + r) * t->count + x), pixels + r, 4);
        }
    }
    free(four);
    return 1;
}

/* Columns of `length` bytes' rows to `t->count` rows; there are LANES bytes to spare after both. */
static void vertical(const uint8_t *from, int length, int y0, const Taps *t, uint8_t *to) {
    for (int y = 0; y < t->count; y++)
        for (int x = 0; x < length; x += LANES)
            weighted(from + (size_t)(t->first[y] - y0) * length + x, length,
                     t->weights + (size_t)y * t->most, t->number[y], to + (size_t)y * length + x);
}

/* As Pillow's NEAREST, which adds up steps. */
static int nearest(const uint8_t *from, int width, int x0, int y0, const double *box, const int *to,
                   const int *corner, int size, uint8_t *out) {
    int *at = malloc(2 * (size_t)size * sizeof(int));
    if (!at) return 0;
    for (int axis = 0; axis < 2; axis++) {
        double step = (box[2 + axis] - box[axis]) / to[axis], place = box[axis] + step * 0.5;
        for (int i = 0; i < corner[axis] + size; i++, place += step)
            if (i >= corner[axis]) at[axis * size + i - corner[axis]] = (int)place;
    }
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            memcpy(out + 4 * ((size_t)y * size + x),
                   from + 3 * ((size_t)(at[size + y] - y0) * width + at[x] - x0), 3);
    free(at);
    return 1;
}

static void grays(const uint8_t *x, uint8_t *gray, int pixels) {
    for (int i = 0; i < pixels; i++)
        gray[i] = (x[4 * i] * 19595 + x[4 * i + 1] * 38470 + x[4 * i + 2] * 7471 + 0x8000) >> 16;
}

static inline uint8_t blended(int other, int x, float factor) {
    float value = (float)other + factor * (float)(x - other);
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Contrast (0), brightness (1) or color (2). */
static void change(uint8_t *restrict x, uint8_t *restrict gray, int pixels, int which, float factor) {
    int other = 0;
    if (which != 1) grays(x, gray, pixels);
    if (which == 2) {
        for (int i = 0; i < pixels; i++)
            for (int c = 0; c < 4; c++) x[4 * i + c] = blended(gray[i], x[4 * i + c], factor);
        return;
    }
    if (which == 0) {
        int64_t sum = 0;
        for (int i = 0; i < pixels; i++) sum += gray[i];
        other = (int)((2 * sum + pixels) / (2 * (int64_t)pixels));
    }
    for (int i = 0; i < 4 * pixels; i++) x[i] = blended(other, x[i], factor);
}

/* A part of a picture of `full` (width, height) pixels, as `augmentation.apply` makes it.

   `pixels` are (height, width, 3), of which the first is `at` (x, y) in the picture. `columns_first` says which
   pass comes first. `out` takes (size, size, 3). Returns 0 where there is no memory. */
int augmented(const uint8_t *pixels, const int *shape, const int *at, const int *full, const double *box,
              const int *to, int filter, const int *corner, int changes, const int *which, const float *factors,
              int mirrored, int size, int columns_first, uint8_t *out) {
    int width = shape[0], height = shape[1], count = size * size;
    Taps x = {0}, y = {0};
    uint8_t *made = malloc(4 * (size_t)count + LANES), *gray = malloc(count), *between = NULL, *rows = NULL;
    int right = made && gray;
    if (right && filter == NEAREST) {
        right = nearest(pixels, width, at[0], at[1], box, to, corner, size, made);
    } else if (right) {
        right = taps(&x, filter, full[0], box[0], box[2], to[0], corner[0], size) &&
                taps(&y, filter, full[1], box[1], box[3], to[1], corner[1], size);
        if (right && columns_first) {
            int length = 3 * width;
            right = (rows = malloc((size_t)length * height + LANES)) && (between = malloc((size_t)length * size + LANES));
            if (right) {
                memcpy(rows, pixels, (size_t)length * height);
                vertical(rows, length, at[1], &y, between);
                right = horizontal(between, width, size, at[0], &x, made);
            }
        } else if (right) {
            right = (between = malloc(4 * (size_t)size * height + LANES)) &&
                    horizontal(pixels, width, height, at[0], &x, between);
            if (right) vertical(between, 4 * size, at[1], &y, made);
        }
    }
    for (int i = 0; right && i < changes; i++) change(made, gray, count, which[i], factors[i]);
    for (int row = 0; right && row < size; row++)
        for (int i = 0; i < size; i++)
            memcpy(out + 3 * ((size_t)row * size + (mirrored ? size - 1 - i : i)),
                   made + 4 * ((size_t)row * size + i), 3);
    drop(&x);
    drop(&y);
    free(made);
    free(gray);
    free(between);
    free(rows);
    return right;
}
