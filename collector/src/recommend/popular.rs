//! Popular items: what is looked at most, with older looks counting less.

use super::index::{Entry, Index};

/// The `n` most popular items of a category or of all, best first.
pub(super) fn of<'a>(index: &'a Index, category: Option<&str>, n: usize) -> Vec<&'a Entry> {
    let better = |a: &&Entry, b: &&Entry| b.rank.total_cmp(&a.rank).then_with(|| a.id.cmp(&b.id));
    // What only erased visitors looked at has no rank any more.
    let fits = |entry: &&Entry| {
        entry.rank > f64::NEG_INFINITY && (category.is_none() || entry.category.as_deref() == category)
    };
    let mut popular: Vec<&Entry> = index.entries().iter().filter(fits).collect();
    // All are looked at once, and only the best are sorted.
    if popular.len() > n {
        popular.select_nth_unstable_by(n, better);
        popular.truncate(n);
    }
    popular.sort_by(better);
    popular
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::id::Id;
    use engine::time::DAY;

    #[test]
    fn older_looks_count_less() {
        let mut index = Index::default();
        let now = 20_000 * DAY;
        // One half-life ago a look counts half: two of then are one of now.
        for (session, (item, age)) in
            [("old", 14), ("old", 14), ("new", 0), ("new", 0), ("mid", 7), ("mid", 7)].iter().enumerate()
        {
            index.add(Id(session as u128), None, now - age * DAY, &[(item, None)]);
        }
        let popular = of(&index, None, 2);
        assert_eq!(popular.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["new", "mid"]);
        let scores: Vec<f64> = index.entries().iter().map(|entry| entry.popularity(now)).collect();
        for (score, expected) in scores.iter().zip([1.0, 2.0, std::f64::consts::SQRT_2]) {
            assert!((score - expected).abs() < 1e-9, "{scores:?}");
        }
        assert!(of(&index, Some("none"), 2).is_empty());
    }
}
