//! Numbers drawn from a seed, how many cases of them a run takes, and bits to compare.

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32
    }

    /// from 1 to most
    pub fn size(&mut self, most: usize) -> usize {
        1 + self.next() as usize % most
    }

    /// from −spread to spread
    pub fn numbers(&mut self, length: usize, spread: f32) -> Vec<f32> {
        (0..length).map(|_| (self.next() as f32 / 2f32.powi(30) - 1.0) * spread).collect()
    }
}

/// With BIOVLM_SOAK=1 the full count.
pub fn count() -> usize {
    if std::env::var("BIOVLM_SOAK").is_ok_and(|v| v == "1") {
        100_000
    } else {
        300
    }
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}
