;; The inner loops of the engine, four numbers at a time. kernels.js has the same functions in plain
;; JavaScript, which run where there is no WebAssembly, and says what each does.
;; All arguments are byte addresses in one memory, or counts. Loops may read up to 12 bytes past a map.
(module
  (import "engine" "memory" (memory 1))

  ;; Columns of a convolution's input for eight positions: panel[k][p] = *(source + taps[k] + spots[p]).
  (func (export "gather")
    (param $source i32) (param $taps i32) (param $spots i32) (param $panel i32) (param $depth i32)
    (local $end i32) (local $from i32)
    (local $p0 i32) (local $p1 i32) (local $p2 i32) (local $p3 i32)
    (local $p4 i32) (local $p5 i32) (local $p6 i32) (local $p7 i32)
    (local.set $p0 (i32.load (local.get $spots)))
    (local.set $p1 (i32.load offset=4 (local.get $spots)))
    (local.set $p2 (i32.load offset=8 (local.get $spots)))
    (local.set $p3 (i32.load offset=12 (local.get $spots)))
    (local.set $p4 (i32.load offset=16 (local.get $spots)))
    (local.set $p5 (i32.load offset=20 (local.get $spots)))
    (local.set $p6 (i32.load offset=24 (local.get $spots)))
    (local.set $p7 (i32.load offset=28 (local.get $spots)))
    (local.set $end (i32.add (local.get $taps) (i32.shl (local.get $depth) (i32.const 2))))
    ;; eight spots rise (in fewer, the last is the first again): they are side by side if the last is 28 bytes
    ;; behind the first
    (if (i32.eq (i32.sub (local.get $p7) (local.get $p0)) (i32.const 28))
      (then
        (loop $next
          (local.set $from
            (i32.add (i32.add (local.get $source) (local.get $p0)) (i32.load (local.get $taps))))
          (v128.store (local.get $panel) (v128.load (local.get $from)))
          (v128.store offset=16 (local.get $panel) (v128.load offset=16 (local.get $from)))
          (local.set $panel (i32.add (local.get $panel) (i32.const 32)))
          (local.set $taps (i32.add (local.get $taps) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $taps) (local.get $end)))))
      (else
        (loop $next
          (local.set $from (i32.add (local.get $source) (i32.load (local.get $taps))))
          (f32.store (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p0))))
          (f32.store offset=4 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p1))))
          (f32.store offset=8 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p2))))
          (f32.store offset=12 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p3))))
          (f32.store offset=16 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p4))))
          (f32.store offset=20 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p5))))
          (f32.store offset=24 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p6))))
          (f32.store offset=28 (local.get $panel) (f32.load (i32.add (local.get $from) (local.get $p7))))
          (local.set $panel (i32.add (local.get $panel) (i32.const 32)))
          (local.set $taps (i32.add (local.get $taps) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $taps) (local.get $end)))))))

  ;; One row of a result, of up to eight numbers: each the larger of itself and of $floor.
  (func $keep
    (param $to i32) (param $low v128) (param $high v128) (param $floor v128) (param $columns i32)
    (local.set $low (f32x4.pmax (local.get $low) (local.get $floor)))
    (local.set $high (f32x4.pmax (local.get $high) (local.get $floor)))
    (if (i32.eq (local.get $columns) (i32.const 8))
      (then
        (v128.store (local.get $to) (local.get $low))
        (v128.store offset=16 (local.get $to) (local.get $high))
        (return)))
    (if (i32.ge_u (local.get $columns) (i32.const 4))
      (then
        (v128.store (local.get $to) (local.get $low))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $columns (i32.sub (local.get $columns) (i32.const 4)))
        (local.set $low (local.get $high))))
    (if (i32.ge_u (local.get $columns) (i32.const 1))
      (then (v128.store32_lane 0 (local.get $to) (local.get $low))))
    (if (i32.ge_u (local.get $columns) (i32.const 2))
      (then (v128.store32_lane offset=4 1 (local.get $to) (local.get $low))))
    (if (i32.ge_u (local.get $columns) (i32.const 3))
      (then (v128.store32_lane offset=8 2 (local.get $to) (local.get $low)))))

  ;; The matrix product: out[r][c] = bias[r] + sum over k of weights[r][k] * panel[k][c], then perhaps ReLU.
  ;; Four rows of weights are stored together, k by k, and eight accumulators stay in registers.
  (func (export "product")
    (param $weights i32) (param $panel i32) (param $depth i32) (param $out i32) (param $step i32)
    (param $bias i32) (param $rows i32) (param $columns i32) (param $relu i32)
    (local $floor v128) (local $at i32) (local $end i32) (local $b0 v128) (local $b1 v128) (local $w v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $floor
      (f32x4.splat (select (f32.const 0) (f32.const -inf) (local.get $relu))))
    (local.set $end (i32.add (local.get $panel) (i32.shl (local.get $depth) (i32.const 5))))
    (loop $block
      (local.tee $c00 (v128.load32_splat (local.get $bias)))
      (local.set $c01)
      (local.tee $c10 (v128.load32_splat offset=4 (local.get $bias)))
      (local.set $c11)
      (local.tee $c20 (v128.load32_splat offset=8 (local.get $bias)))
      (local.set $c21)
      (local.tee $c30 (v128.load32_splat offset=12 (local.get $bias)))
      (local.set $c31)
      (local.set $at (local.get $panel))
      (loop $k
        (local.set $b0 (v128.load (local.get $at)))
        (local.set $b1 (v128.load offset=16 (local.get $at)))
        (local.set $w (v128.load32_splat (local.get $weights)))
        (local.set $c00 (f32x4.add (local.get $c00) (f32x4.mul (local.get $w) (local.get $b0))))
        (local.set $c01 (f32x4.add (local.get $c01) (f32x4.mul (local.get $w) (local.get $b1))))
        (local.set $w (v128.load32_splat offset=4 (local.get $weights)))
        (local.set $c10 (f32x4.add (local.get $c10) (f32x4.mul (local.get $w) (local.get $b0))))
        (local.set $c11 (f32x4.add (local.get $c11) (f32x4.mul (local.get $w) (local.get $b1))))
        (local.set $w (v128.load32_splat offset=8 (local.get $weights)))
        (local.set $c20 (f32x4.add (local.get $c20) (f32x4.mul (local.get $w) (local.get $b0))))
        (local.set $c21 (f32x4.add (local.get $c21) (f32x4.mul (local.get $w) (local.get $b1))))
        (local.set $w (v128.load32_splat offset=12 (local.get $weights)))
        (local.set $c30 (f32x4.add (local.get $c30) (f32x4.mul (local.get $w) (local.get $b0))))
        (local.set $c31 (f32x4.add (local.get $c31) (f32x4.mul (local.get $w) (local.get $b1))))
        (local.set $weights (i32.add (local.get $weights) (i32.const 16)))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br_if $k (i32.lt_u (local.get $at) (local.get $end))))
      (call $keep (local.get $out) (local.get $c00) (local.get $c01) (local.get $floor) (local.get $columns))
      (local.set $out (i32.add (local.get $out) (local.get $step)))
      (if (i32.ge_u (local.get $rows) (i32.const 2))
        (then (call $keep
          (local.get $out) (local.get $c10) (local.get $c11) (local.get $floor) (local.get $columns))))
      (local.set $out (i32.add (local.get $out) (local.get $step)))
      (if (i32.ge_u (local.get $rows) (i32.const 3))
        (then (call $keep
          (local.get $out) (local.get $c20) (local.get $c21) (local.get $floor) (local.get $columns))))
      (local.set $out (i32.add (local.get $out) (local.get $step)))
      (if (i32.ge_u (local.get $rows) (i32.const 4))
        (then (call $keep
          (local.get $out) (local.get $c30) (local.get $c31) (local.get $floor) (local.get $columns))))
      (local.set $out (i32.add (local.get $out) (local.get $step)))
      (local.set $bias (i32.add (local.get $bias) (i32.const 16)))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 4)))
      (br_if $block (i32.gt_s (local.get $rows) (i32.const 0)))))

  ;; LRN with an exponent of 3/4, of maps of at least four positions: x / (k + scale * sum of squares) ** 3/4.
  (func (export "normalize")
    (param $x i32) (param $y i32) (param $channels i32) (param $area i32)
    (param $before i32) (param $after i32) (param $scale f32) (param $k f32)
    (local $plane i32) (local $i i32) (local $c i32) (local $q i32) (local $last i32)
    (local $sum v128) (local $v v128) (local $at i32)
    (local.set $plane (i32.shl (local.get $area) (i32.const 2)))
    (loop $position
      ;; the last four positions may overlap those before them, and are then computed twice
      (if (i32.gt_s (local.get $i) (i32.sub (local.get $area) (i32.const 4)))
        (then (local.set $i (i32.sub (local.get $area) (i32.const 4)))))
      (local.set $c (i32.const 0))
      (loop $channel
        (local.set $q (i32.sub (local.get $c) (local.get $before)))
        (if (i32.lt_s (local.get $q) (i32.const 0)) (then (local.set $q (i32.const 0))))
        (local.set $last (i32.add (local.get $c) (local.get $after)))
        (if (i32.ge_s (local.get $last) (local.get $channels))
          (then (local.set $last (i32.sub (local.get $channels) (i32.const 1)))))
        (local.set $at (i32.add (i32.add (local.get $x) (i32.shl (local.get $i) (i32.const 2)))
          (i32.mul (local.get $q) (local.get $plane))))
        (local.set $sum (v128.const f32x4 0 0 0 0))
        (loop $window
          (local.set $v (v128.load (local.get $at)))
          (local.set $sum (f32x4.add (local.get $sum) (f32x4.mul (local.get $v) (local.get $v))))
          (local.set $at (i32.add (local.get $at) (local.get $plane)))
          (local.set $q (i32.add (local.get $q) (i32.const 1)))
          (br_if $window (i32.le_s (local.get $q) (local.get $last))))
        (local.set $sum (f32x4.sqrt (f32x4.add (f32x4.splat (local.get $k))
          (f32x4.mul (f32x4.splat (local.get $scale)) (local.get $sum)))))
        (local.set $at (i32.add (i32.shl (local.get $i) (i32.const 2))
          (i32.mul (local.get $c) (local.get $plane))))
        ;; a ** 3/4 is the root of a, times the root of that root
        (v128.store (i32.add (local.get $y) (local.get $at))
          (f32x4.div (v128.load (i32.add (local.get $x) (local.get $at)))
            (f32x4.mul (local.get $sum) (f32x4.sqrt (local.get $sum)))))
        (local.set $c (i32.add (local.get $c) (i32.const 1)))
        (br_if $channel (i32.lt_s (local.get $c) (local.get $channels))))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $position (i32.lt_s (local.get $i) (local.get $area)))))

  ;; Max pooling: first down the columns into $line, four at a time, whose margins hold -inf; then along it.
  (func (export "maximum")
    (param $x i32) (param $y i32) (param $channels i32) (param $height i32) (param $width i32)
    (param $rows i32) (param $columns i32) (param $kernel i32) (param $stride i32) (param $padding i32)
    (param $line i32)
    (local $c i32) (local $row i32) (local $from i32) (local $to i32) (local $i i32) (local $q i32)
    (local $at i32) (local $wide i32) (local $v v128) (local $most f32) (local $one f32) (local $reach i32)
    (local.set $wide (i32.shl (local.get $width) (i32.const 2)))
    ;; what the last window along a line can reach, in bytes
    (local.set $reach (i32.shl
      (i32.add (i32.mul (i32.sub (local.get $columns) (i32.const 1)) (local.get $stride)) (local.get $kernel))
      (i32.const 2)))
    (loop $channel
      (local.set $row (i32.const 0))
      (loop $output
        (local.set $from (i32.sub (i32.mul (local.get $row) (local.get $stride)) (local.get $padding)))
        (local.set $to (i32.add (local.get $from) (local.get $kernel)))
        (if (i32.lt_s (local.get $from) (i32.const 0)) (then (local.set $from (i32.const 0))))
        (if (i32.gt_s (local.get $to) (local.get $height)) (then (local.set $to (local.get $height))))
        ;; the margin before
        (local.set $at (local.get $line))
        (local.set $i (i32.const 0))
        (block $done
          (loop $margin
            (br_if $done (i32.ge_s (local.get $i) (local.get $padding)))
            (f32.store (local.get $at) (f32.const -inf))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $margin)))
        ;; down the columns
        (local.set $i (i32.const 0))
        (loop $column
          (local.set $q (i32.add (local.get $from) (i32.const 1)))
          (local.set $v (v128.load (i32.add (i32.add (local.get $x) (local.get $i))
            (i32.mul (local.get $from) (local.get $wide)))))
          (block $done
            (loop $down
              (br_if $done (i32.ge_s (local.get $q) (local.get $to)))
              (local.set $v (f32x4.pmax (local.get $v) (v128.load (i32.add
                (i32.add (local.get $x) (local.get $i)) (i32.mul (local.get $q) (local.get $wide))))))
              (local.set $q (i32.add (local.get $q) (i32.const 1)))
              (br $down)))
          (v128.store (i32.add (local.get $at) (local.get $i)) (local.get $v))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (br_if $column (i32.lt_s (local.get $i) (local.get $wide))))
        ;; the margin after
        (local.set $at (i32.add (local.get $at) (local.get $wide)))
        (block $done
          (loop $margin
            (br_if $done (i32.ge_s (i32.sub (local.get $at) (local.get $line)) (local.get $reach)))
            (f32.store (local.get $at) (f32.const -inf))
            (local.set $at (i32.add (local.get $at) (i32.const 4)))
            (br $margin)))
        ;; along the line
        (local.set $i (i32.const 0))
        (local.set $at (local.get $line))
        (loop $window
          (local.set $most (f32.load (local.get $at)))
          (local.set $q (i32.const 1))
          (block $done
            (loop $along
              (br_if $done (i32.ge_s (local.get $q) (local.get $kernel)))
              (local.set $one
                (f32.load (i32.add (local.get $at) (i32.shl (local.get $q) (i32.const 2)))))
              (local.set $most
                (select (local.get $one) (local.get $most) (f32.gt (local.get $one) (local.get $most))))
              (local.set $q (i32.add (local.get $q) (i32.const 1)))
              (br $along)))
          (f32.store (local.get $y) (local.get $most))
          (local.set $y (i32.add (local.get $y) (i32.const 4)))
          (local.set $at (i32.add (local.get $at) (i32.shl (local.get $stride) (i32.const 2))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $window (i32.lt_s (local.get $i) (local.get $columns))))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br_if $output (i32.lt_s (local.get $row) (local.get $rows))))
      (local.set $x (i32.add (local.get $x) (i32.mul (local.get $height) (local.get $wide))))
      (local.set $c (i32.add (local.get $c) (i32.const 1)))
      (br_if $channel (i32.lt_s (local.get $c) (local.get $channels))))))
