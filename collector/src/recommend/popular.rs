//! Popular items: what is looked at most, with older looks counting less.

use super::index::{Entry, Index};

/// Items by decayed popularity, best first, of a category or of all.
pub(super) fn of<'a>(index: &'a Index, category: Option<&str>, now: i64) -> Vec<(&'a Entry, f64)> {
    let mut popular: Vec<(&Entry, f64)> = index
        .entries()
        .iter()
        .filter(|entry| category.is_none() || entry.category.as_deref() == category)
        .map(|entry| (entry, entry.popularity(now)))
        .collect();
    popular.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.id.cmp(&b.0.id)));
    popular
}
