//! The tables of G.722, and the quantisers that search them.

/// Decision levels of the 6 bit quantiser, the first being 0 (table 14: Q6).
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// Output of the 4 bit inverse quantiser, by code (table 15: QM4).
pub(super) const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// Output of the 6 bit inverse quantiser, by code (QM6).
pub(super) const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

/// Output of the 2 bit inverse quantiser of the high band (QM2).
pub(super) const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// Change of the low band's log scale, by the upper four bits of the code (WL through RL42).
pub(super) const WL_BY_CODE: [i32; 16] = [
    -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
];

/// Change of the high band's log scale, by code (WH through RH2).
pub(super) const WH_BY_CODE: [i32; 4] = [798, -214, 798, -214];

/// Mantissas of the scale's antilogarithm (ILB).
pub(super) const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// Half of the symmetric quadrature mirror filter (table 11).
pub(super) const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// An entry of a table whose length is a power of two.
pub(super) fn pick<const N: usize>(table: &[i32; N], index: usize) -> i32 {
    table.get(index & (N - 1)).copied().unwrap_or(0)
}

/// QUANTL: the 6 bit code of an error under a scale.
pub(super) fn quantise_low(error: i32, scale: i32) -> usize {
    let magnitude = if error >= 0 { error } else { -(error + 1) };
    let level = Q6
        .iter()
        .skip(1)
        .position(|level| magnitude < (level * scale) >> 12)
        .map_or(Q6.len(), |found| found + 1);
    match (error >= 0, level) {
        (true, level) => 62 - level,
        (false, level @ 1..=2) => 64 - level,
        (false, level) => 34 - level,
    }
}

/// QUANTH: the 2 bit code of an error under a scale.
pub(super) fn quantise_high(error: i32, scale: i32) -> usize {
    let magnitude = if error >= 0 { error } else { -(error + 1) };
    let far = magnitude >= (564 * scale) >> 12;
    match (error < 0, far) {
        (true, false) => 1,
        (true, true) => 0,
        (false, false) => 3,
        (false, true) => 2,
    }
}
