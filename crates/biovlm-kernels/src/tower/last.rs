//! The last block, of which only the class token's row goes on. One query is asked of rows whose keys and values are never made: it goes through the
//! key's matrix to the rows, and their mean through the value's (attendOnce of the graph). All in float32 but the query's own product.

use super::attention::weigh;
use super::memory::Lines;
use super::product::floats;
use super::vectors::sum;
use std::arch::x86_64::*;

/// The key's and the value's matrix [W] rows of `part` numbers, zeros beyond W; the value's bias [part].
pub(super) struct Keys {
    pub width: usize,
    pub heads: usize,
    pub part: usize,
    pub key: Lines<f32>,
    pub value: Lines<f32>,
    pub bias: Lines<f32>,
}

/// What a thread keeps for it.
pub(super) struct Asked {
    /// [heads][part]
    rows: Lines<f32>,
    /// [heads][T to a multiple of 16]
    scores: Lines<f32>,
}

impl Asked {
    pub fn of(heads: usize, part: usize, tokens: usize) -> Self {
        Self { rows: Lines::zeros(heads * part), scores: Lines::zeros(heads * tokens.next_multiple_of(16)) }
    }
}

impl Keys {
    /// query [part], x: T rows of `part` numbers `stride` apart → out [part].
    #[target_feature(enable = "avx512f,avx512dq")]
    pub fn attend_once(&self, query: &[f32], x: &[f32], stride: usize, tokens: usize, room: &mut Asked, out: &mut [f32]) {
        let &Self { width, heads, part, .. } = self;
        let (head, padded) = (width / heads, tokens.next_multiple_of(16));
        assert!(query.len() == part && out.len() == part && part % 32 == 0 && x.len() >= (tokens - 1) * stride + part);
        assert!(self.key.len() == width * part && self.value.len() == width * part && self.bias.len() == part);
        assert!(room.rows.len() == heads * part && room.scores.len() == heads * padded);
        let scale = std::f32::consts::LOG2_E / (head as f32).sqrt();
        // SAFETY: all within the lengths asserted: rows of `part` numbers, `head` rows of the matrices a head.
        unsafe {
            for h in 0..heads {
                let (query, key) = (query.as_ptr().add(h * head), self.key.as_ptr().add(h * head * part));
                let asked = room.rows.as_mut_ptr().add(h * part);
                through(query, key, part, head, part, asked);
                let scores = room.scores.as_mut_ptr().add(h * padded);
                for t in 0..tokens {
                    *scores.add(t) = dot(asked, x.as_ptr().add(t * stride), part);
                }
                let inverse = weigh(scores, tokens, scale);
                through(scores, x.as_ptr(), stride, tokens, part, asked);
                for (j, out) in out.iter_mut().enumerate().skip(h * head).take(head) {
                    *out = dot(asked, self.value.as_ptr().add(j * part), part) * inverse + self.bias[j];
                }
            }
        }
        out[width..].fill(0.0);
    }
}

/// Σ weight[i] · rows[i] over n rows of `part` numbers → out.
#[target_feature(enable = "avx512f")]
unsafe fn through(weights: *const f32, rows: *const f32, stride: usize, n: usize, part: usize, out: *mut f32) {
    for c in (0..part).step_by(32) {
        // SAFETY: as of the caller.
        unsafe {
            let [[low, high]] = floats::<1, 2>(weights, n, [rows.add(c), rows.add(c + 16)], stride, n);
            _mm512_storeu_ps(out.add(c), low);
            _mm512_storeu_ps(out.add(c + 16), high);
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
unsafe fn dot(a: *const f32, b: *const f32, n: usize) -> f32 {
    let mut total = [_mm512_setzero_ps(); 2];
    for i in (0..n).step_by(32) {
        for (h, total) in total.iter_mut().enumerate() {
            // SAFETY: n is a multiple of 32; as of the caller.
            *total = unsafe { _mm512_fmadd_ps(_mm512_loadu_ps(a.add(i + 16 * h)), _mm512_loadu_ps(b.add(i + 16 * h)), *total) };
        }
    }
    sum(_mm512_add_ps(total[0], total[1]))
}
