// Eigenvalues, and what follows from them: the best approximation of a matrix, principal components.

// Eigenvalues of a symmetric n x n matrix (a list of rows), largest first, and their vectors in the same order:
// Jacobi's rotations, each of which makes two entries zero.
export function eigen(rows) {
  const n = rows.length, a = rows.map((row) => Float64Array.from(row));
  const vectors = rows.map((_, i) => Float64Array.from({ length: n }, (_, j) => Number(i === j)));
  const turn = (list, p, q, c, s) => { // in each row of the list
    for (const row of list) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
  };
  const scale = a.reduce((sum, row) => sum + row.reduce((s, v) => s + v * v, 0), 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        off += a[p][q] ** 2;
        if (a[p][q] === 0) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1), s = t * c;
        turn(a, p, q, c, s); // columns,
        const [above, below] = [a[p], a[q]]; // and rows
        for (let i = 0; i < n; i++) {
          [above[i], below[i]] = [c * above[i] - s * below[i], s * above[i] + c * below[i]];
        }
        turn(vectors, p, q, c, s);
      }
    }
    if (off <= 1e-24 * scale) break;
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return { values: order.map((i) => a[i][i]), vectors: order.map((i) => vectors.map((row) => row[i])) };
}

const innerProduct = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);

// The matrix of rank r that is nearest to a matrix: its rows, projected onto the r directions of the outputs
// that carry most (Eckart and Young).
export function nearest(matrix, r) {
  const { vectors } = eigen(matrix.map((row) => matrix.map((other) => innerProduct(row, other))));
  const chosen = vectors.slice(0, r), columns = matrix[0].map((_, c) => matrix.map((row) => row[c]));
  const within = chosen.map((vector) => columns.map((column) => innerProduct(vector, column)));
  return matrix.map((row, j) =>
    row.map((_, c) => chosen.reduce((sum, v, i) => sum + v[j] * within[i][c], 0))
  );
}

// Principal components of maps, { channels, area, values }: mean by channel, variances, largest first, their
// vectors, and of each its score at every position.
export function components({ channels, area, values }) {
  const centered = Array.from({ length: channels }, (_, c) => {
    const map = Float64Array.from(values.subarray(c * area, (c + 1) * area));
    const mean = map.reduce((a, b) => a + b, 0) / area;
    return { mean, map: map.map((v) => v - mean) };
  });
  const maps = centered.map(({ map }) => map);
  const { values: variances, vectors } = eigen(maps.map((a) => maps.map((b) => innerProduct(a, b) / area)));
  return {
    mean: centered.map(({ mean }) => mean),
    variances: variances.map((v) => Math.max(0, v)),
    vectors,
    scores: vectors.map((vector) => added(new Float32Array(area), vector, maps)),
  };
}

// Adds to a map some others, each times its weight.
function added(map, weights, others) {
  weights.forEach((weight, k) => {
    const other = others[k];
    for (let i = 0; i < map.length; i++) map[i] += weight * other[i];
  });
  return map;
}

// The maps as they come back from the first r components.
export function reconstructed({ channels, area }, { mean, vectors, scores }, r) {
  const found = new Float32Array(channels * area);
  for (let c = 0; c < channels; c++) {
    const map = found.subarray(c * area, (c + 1) * area).fill(mean[c]);
    added(map, vectors.slice(0, r).map((vector) => vector[c]), scores);
  }
  return found;
}
