//! `GET /v1/visitors/{id}`.

use super::caller::{Caller, Named};
use super::{Shared, blocking, json};
use crate::clock;
use crate::error::Error;
use crate::export::UNOPENED;
use crate::recommend::Question;
use crate::secrets::hide;
use crate::store::Scopes;
use axum::extract::State;
use axum::response::Response;
use engine::time;
use engine::value::{Map, Value};

/// Events of the timeline.
const TIMELINE: usize = 200;

/// Profile, facts, segments and the latest events of a visitor.
pub(super) async fn get(State(app): State<Shared>, caller: Caller, Named(visitor): Named) -> Result<Response, Error> {
    let site = caller.may(Scopes::READ)?;
    let opens = caller.may(Scopes::EXPORT).is_ok();
    json(
        blocking(move || {
            let profile = app.store.profile(site, &visitor)?.ok_or(Error::NotFound)?;
            let question = Question { visitor: visitor.clone(), item: None, category: None, slots: Vec::new() };
            let answer = app.recommender.decide(site, &question, clock::now(), true)?;
            let timeline = app.store.timeline(site, &visitor, TIMELINE)?;
            let mut unopened = false;
            let timeline = timeline.into_iter().map(|stored| {
                let mut event = stored.event;
                match stored.sealed.as_deref() {
                    Some(blob) if opens => {
                        unopened |= !app.secrets.unseal(site, stored.id, blob, &mut event.props);
                    }
                    Some(blob) => hide(blob, &mut event.props),
                    None => {}
                }
                let mut map = event.to_value();
                map.set("time", time::text(stored.time));
                map
            });
            let timeline: Vec<Map> = timeline.collect();
            let notes = if unopened { vec![UNOPENED] } else { Vec::new() };
            let part = |key: &str| answer.get(key).cloned().unwrap_or(Value::Null);
            Ok(Map::new()
                .with("visitor", visitor.as_str())
                .with("first_seen", time::text(profile.state.first_seen()))
                .with("last_seen", profile.state.last.map(|(last, _)| time::text(last)))
                .with("facts", part("facts"))
                .with("segments", part("segments"))
                .with("timeline", timeline)
                .with("notes", notes))
        })
        .await?,
    )
}
