//! What was kept because it was not stored, through the steps once more, as if it came when it came.

use super::{Sender, Shared, event, taobao};
use crate::secrets::Secrets;
use crate::store::{Batch, Client, Kept};
use engine::event::Code;
use engine::value::Value;

/// Why a kept event cannot be tried again, or is refused again: code, path and words.
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) path: String,
    pub(crate) detail: String,
}

/// The code of what is not all there.
const CUT: &str = "cut";

/// A kept event as a batch of its own, received and sent when it was, by who sent it, but for whether they are a bot.
///
/// # Errors
/// [`CUT`] where only a part of it was kept, or what is still wrong with it.
pub(crate) fn read(site: i64, secrets: &Secrets, sensitive: &[String], kept: &Kept) -> Result<Batch, Refused> {
    let value = serde_json::from_str::<Value>(&kept.body).ok();
    let Some(value) = value.filter(|_| kept.code != Code::EventTooLarge.text()) else {
        let detail = "only a part of it was kept: the sender has to send it again".to_owned();
        return Err(Refused { code: CUT, path: String::new(), detail });
    };
    let sender = Sender { site, trusted: kept.trusted, received: kept.received, secrets, sensitive };
    let shared = Shared { sent_at: kept.sent_at, ..Shared::default() };
    let read = match value.as_str() {
        // A line of an imported file.
        Some(line) => taobao::line(line).and_then(|value| event(&sender, &shared, &value)),
        None => event(&sender, &shared, &value),
    };
    let (incoming, _) =
        read.map_err(|reject| Refused { code: reject.code.text(), path: reject.path, detail: reject.detail })?;
    Ok(Batch {
        site,
        received: kept.received,
        sent_at: kept.sent_at,
        trusted: kept.trusted,
        client: Client::default(),
        events: vec![incoming],
        rejected: Vec::new(),
        replayed: Some(kept.id),
        bytes: kept.body.len(),
    })
}
