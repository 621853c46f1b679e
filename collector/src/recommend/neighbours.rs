//! Item neighbours: items that were looked at in the same sessions.

use super::index::{Index, MAX_POSTINGS};
use std::collections::HashMap;

/// Pulls the similarity of pairs that were seen together only a few times towards zero.
const SHRINKAGE: f64 = 5.0;

/// An item that goes with another one.
pub(super) struct Neighbour {
    /// Its number.
    pub(super) item: u32,
    /// How alike, in `(0, 1)`.
    pub(super) score: f64,
    /// In how many sessions both were seen.
    pub(super) n: u32,
}

/// The neighbours of an item, best first, from its latest sessions.
///
/// `n / sqrt(sessions(a) * sessions(b)) * n / (n + 5)`: the cosine of the two items' sessions (Sarwar, Karypis, Konstan,
/// Riedl 2001, section 3.1.1), shrunk where it rests on few of them (Bell, Koren 2007, section 3.1).
pub(super) fn of(index: &Index, item: u32) -> Vec<Neighbour> {
    let Some(entry) = index.entry(item) else { return Vec::new() };
    let from = entry.sessions.len().saturating_sub(MAX_POSTINGS);
    let sessions = &entry.sessions[from..];
    let mut together: HashMap<u32, u32> = HashMap::new();
    for session in sessions {
        for other in index.basket(*session) {
            if *other != item {
                *together.entry(*other).or_default() += 1;
            }
        }
    }
    let mut neighbours: Vec<Neighbour> = together
        .into_iter()
        .map(|(other, n)| {
            let others = index.entry(other).map_or(1, |entry| entry.sessions.len().clamp(1, MAX_POSTINGS));
            let cosine = f64::from(n) / ((sessions.len() * others) as f64).sqrt();
            Neighbour { item: other, score: cosine * f64::from(n) / (f64::from(n) + SHRINKAGE), n }
        })
        .collect();
    neighbours.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::id::Id;

    #[test]
    fn what_is_seen_together_is_near() {
        let mut index = Index::default();
        for (session, items) in [(1, vec!["a", "b"]), (2, vec!["a", "b", "c"]), (3, vec!["c"]), (4, vec!["a"])] {
            for item in items {
                index.add(Id(session), None, 0, &[(item, None)]);
            }
        }
        let near = of(&index, index.number("a").unwrap());
        let seen: Vec<_> = near.iter().map(|near| (index.entry(near.item).unwrap().id.as_str(), near.n)).collect();
        assert_eq!(seen, [("b", 2), ("c", 1)]);
        // By hand: 2 / sqrt(3 * 2) * 2 / 7.
        assert!((near[0].score - 0.233_285).abs() < 1e-6);
    }
}
