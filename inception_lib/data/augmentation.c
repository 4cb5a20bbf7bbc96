/* What `augmentation.apply` does with Pillow, many pixels at a time and with the same numbers.

   Resizing follows Pillow's Resample.c: weights in double precision, rounded to whole multiples of 2^-22;
   sums in 32-bit integers, rounded to bytes after each of the two passes. Pixels have four bytes here, of
   which the last has no meaning. */

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
        for (int j = first; j < last; j++)
            sum += found[j - first] = weight(filter, (j - center + 0.5) * inverse);
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
static inline void weighted(const uint8_t *from, size_t step, const int32_t *weights, int number,
                            uint8_t *to) {
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

/* The brightness of each pixel, as Pillow's mode L has it, in each of its four bytes; and their sum. */
static int64_t grays(const uint8_t *x, uint8_t *gray, int pixels) {
    int64_t sum = 0;
    for (int i = 0; i < pixels; i++) {
        uint32_t p, four;
        memcpy(&p, x + 4 * i, 4);
        uint32_t red = p & 255, green = p >> 8 & 255, blue = p >> 16 & 255;
        uint32_t value = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
        four = value * 0x01010101;
        memcpy(gray + 4 * i, &four, 4);
        sum += value;
    }
    return sum;
}

static inline uint8_t blended(int other, int x, float factor) {
    float value = (float)other + factor * (float)(x - other);
    return (uint8_t)(int)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Contrast (0), brightness (1) or color (2). */
static void change(uint8_t *restrict x, uint8_t *restrict gray, int pixels, int which, float factor) {
    int64_t sum = which == 1 ? 0 : grays(x, gray, pixels);
    if (which == 2) {
        for (int i = 0; i < 4 * pixels; i++) x[i] = blended(gray[i], x[i], factor);
        return;
    }
    int other = which == 1 ? 0 : (int)((2 * sum + pixels) / (2 * (int64_t)pixels));
    for (int i = 0; i < 4 * pixels; i++) x[i] = blended(other, x[i], factor);
}

/* A row without the fourth bytes. */
static void pack(const uint8_t *from, int size, int mirrored, uint8_t *to) {
    int step = mirrored ? -4 : 4;
    if (mirrored) from += 4 * (size - 1);
    for (int i = 0; i < size - 1; i++, from += step, to += 3)
        memcpy(to, from, 4); /* the next takes one back */
    memcpy(to, from, 3);
}

/* A part of a picture of `full` (width, height) pixels, as `augmentation.apply` makes it.

   `pixels` are (height, width, 3), of which the first is `at` (x, y) in the picture. `columns_first` says
   which pass comes first. `out` takes (size, size, 3). Returns 0 where there is no memory. */
int augmented(const uint8_t *pixels, const int *shape, const int *at, const int *full, const double *box,
              const int *to, int filter, const int *corner, int changes, const int *which,
              const float *factors, int mirrored, int size, int columns_first, uint8_t *out) {
    int width = shape[0], height = shape[1], count = size * size;
    Taps x = {0}, y = {0};
    uint8_t *made = malloc(4 * (size_t)count + LANES), *gray = malloc(4 * (size_t)count);
    uint8_t *between = NULL, *rows = NULL;
    int right = made && gray;
    if (right && filter == NEAREST) {
        right = nearest(pixels, width, at[0], at[1], box, to, corner, size, made);
    } else if (right) {
        right = taps(&x, filter, full[0], box[0], box[2], to[0], corner[0], size) &&
                taps(&y, filter, full[1], box[1], box[3], to[1], corner[1], size);
        if (right && columns_first) {
            int length = 3 * width;
            rows = malloc((size_t)length * height + LANES);
            between = malloc((size_t)length * size + LANES);
            right = rows && between;
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
        pack(made + 4 * (size_t)row * size, size, mirrored, out + 3 * (size_t)row * size);
    drop(&x);
    drop(&y);
    free(made);
    free(gray);
    free(between);
    free(rows);
    return right;
}

#ifdef JPEG
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#if LIBJPEG_TURBO_VERSION_NUMBER < 2001000
#error "parts of an image need libjpeg-turbo 2.1"
#endif

typedef struct { struct jpeg_error_mgr base; jmp_buf back; } Trouble;
static void leave(j_common_ptr c) { longjmp(((Trouble *)c->err)->back, 1); }
static void warned(j_common_ptr c, int level) { if (level < 0) leave(c); }

/* Whether nothing but data of the image's one scan, and its end, is left. */
static int ends_well(const uint8_t *rest, size_t length) {
    const uint8_t *end = rest + length, *at = rest;
    while (at < end && (at = memchr(at, 0xFF, end - at))) {
        if (end - at < 2) return 0;
        uint8_t marker = at[1];
        if (marker == 0xD9) return end - at == 2;
        if (marker != 0 && marker != 0xFF && (marker < 0xD0 || marker > 0xD7)) return 0;
        at += marker == 0xFF ? 1 : 2;
    }
    return 0;
}

/* Three channels of 8 bits, the two of color whole, of half the width, or of half the width and height. */
static int usual(const struct jpeg_decompress_struct *c) {
    const jpeg_component_info *y = c->comp_info, *u = y + 1, *v = y + 2;
    return c->num_components == 3 && c->data_precision == 8 &&
           (c->jpeg_color_space == JCS_YCbCr || c->jpeg_color_space == JCS_RGB) &&
           u->h_samp_factor == 1 && u->v_samp_factor == 1 && v->h_samp_factor == 1 && v->v_samp_factor == 1 &&
           y->h_samp_factor <= 2 && y->v_samp_factor <= y->h_samp_factor;
}

/* A part of a JPEG of `full` (width, height) pixels, (left, top, width, height) of `part`, as decoding all of
   it would give it: `out` takes (height, width, 3). Returns 0 where the file is not in order, or not a usual
   one. */
int decoded(const uint8_t *data, size_t length, const int *full, const int *part, uint8_t *out) {
    struct jpeg_decompress_struct c;
    Trouble trouble;
    uint8_t *volatile row = NULL;
    volatile int right = 0;
    c.err = jpeg_std_error(&trouble.base);
    trouble.base.error_exit = leave;
    trouble.base.emit_message = warned;
    jpeg_create_decompress(&c);
    if (!setjmp(trouble.back)) {
        jpeg_mem_src(&c, data, length);
        jpeg_read_header(&c, TRUE);
        if (usual(&c) && (int)c.image_width == full[0] && (int)c.image_height == full[1]) {
            c.out_color_space = JCS_RGB;
            jpeg_start_decompress(&c);
            /* the colors of pixels at an edge are made from those beside them */
            JDIMENSION begin = part[0] > 16 ? part[0] - 16 : 0, end = part[0] + part[2] + 16;
            JDIMENSION width = (end < c.output_width ? end : c.output_width) - begin;
            if (width < c.output_width) jpeg_crop_scanline(&c, &begin, &width);
            row = malloc(3 * (size_t)c.output_width);
            if (part[1]) jpeg_skip_scanlines(&c, part[1]);
            for (int y = 0; row && y < part[3]; y++) {
                JSAMPROW rows = row;
                jpeg_read_scanlines(&c, &rows, 1);
                memcpy(out + (size_t)y * part[2] * 3, row + 3 * (size_t)(part[0] - begin),
                       3 * (size_t)part[2]);
            }
            size_t left = c.src->bytes_in_buffer;
            right = row != NULL;
            if (right && !jpeg_has_multiple_scans(&c))
                right = c.unread_marker == JPEG_EOI ? !left : ends_well(c.src->next_input_byte, left);
        }
    }
    jpeg_destroy_decompress(&c);
    free(row);
    return right;
}
#endif
