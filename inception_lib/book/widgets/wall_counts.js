// What the networks say of the images, unpacked and counted.  Probabilities are whole numbers, of Python's.

// The place of the largest, the first of equals first.
export const topOf = (row) => row.indexOf(Math.max(...row));

// texts: of each network, between commas, the classes of each image and their probabilities.
export function unpacked(texts, classes) {
  return texts.map((text) =>
    text.split(",").map((pairs) => {
      const row = new Array(classes).fill(0), numbers = pairs.split(" ").map(Number);
      for (let i = 0; i < numbers.length; i += 2) row[numbers[i]] = numbers[i + 1];
      return row;
    })
  );
}

// The mean of some rows, rounded to nearest, and its first class.
export function meanOf(rows) {
  const sums = rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0)), n = rows.length;
  return { first: topOf(sums), row: sums.map((sum) => Math.floor((2 * sum + n) / (2 * n))) };
}

// Counts of all images for the networks asked, by their numbers from 0.  firsts[n][i]: network n's first class.
export function countsOf(asked, answers, firsts, labels) {
  const images = labels.length;
  const wrong = labels.map((label, i) => asked.filter((n) => firsts[n][i] !== label).length);
  if (!asked.length) {
    return { wrong, right: 0, split: 0, none: 0, ensemble: 0, alone: [], expected: [0, 0, 0] };
  }
  const right = wrong.filter((n) => n === 0).length;
  const none = wrong.filter((n) => n === asked.length).length;
  const alone = asked.map((n) => labels.filter((label, i) => firsts[n][i] === label).length);
  const chance = (of) => Math.floor(images * alone.reduce((p, n) => p * (of(n) / images), 1) + 0.5);
  const bothWays = [chance((n) => n), chance((n) => images - n)];
  const ensemble = labels.filter((label, i) => {
    let best = 0, most = -1; // the sum decides, and no rounding
    for (let k = 0; k < answers[0][i].length; k++) {
      let sum = 0;
      for (const n of asked) sum += answers[n][i][k];
      if (sum > most) [best, most] = [k, sum];
    }
    return best === label;
  }).length;
  return {
    wrong,
    right,
    split: images - right - none,
    none,
    ensemble,
    alone,
    expected: [bothWays[0], images - bothWays[0] - bothWays[1], bothWays[1]],
  };
}
