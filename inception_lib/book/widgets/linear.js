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

// Principal components of maps, { channels, area, values }: mean by channel, variances, largest first, and vectors.
export function components({ channels, area, values }) {
  const mean = Float64Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = 0; i < area; i++) sum += values[c * area + i];
    return sum / area;
  });
  const rows = Array.from({ length: channels }, () => new Float64Array(channels));
  for (let b = 0; b < channels; b++) {
    for (let c = 0; c <= b; c++) {
      let sum = 0;
      for (let i = 0; i < area; i++) {
        sum += (values[b * area + i] - mean[b]) * (values[c * area + i] - mean[c]);
      }
      rows[b][c] = rows[c][b] = sum / area;
    }
  }
  const { values: variances, vectors } = eigen(rows);
  return { mean, variances: variances.map((v) => Math.max(0, v)), vectors };
}

// The maps as they come back from the first r components.
export function reconstructed({ channels, area, values }, { mean, vectors }, r) {
  const found = new Float32Array(channels * area), x = new Float64Array(channels);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < channels; c++) {
      x[c] = values[c * area + i] - mean[c];
      found[c * area + i] = mean[c];
    }
    for (let k = 0; k < r; k++) {
      const vector = vectors[k];
      let share = 0;
      for (let c = 0; c < channels; c++) share += vector[c] * x[c];
      for (let c = 0; c < channels; c++) found[c * area + i] += vector[c] * share;
    }
  }
  return found;
}
