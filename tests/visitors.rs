//! Made-up visitors, the same ones for the same seed.

use engine::id::Id;
use engine::time::{self, HOUR, MINUTE, SECOND};
use serde_json::{Value, json};

/// Numbers that look random: splitmix64 (Steele, Lea, Flood 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % n as u64).expect("it is below n")
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn id(&mut self, at: i64) -> String {
        Id::v7(at, u128::from(self.bits()) << 64 | u128::from(self.bits())).text()
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

/// What a visitor does, and how often beside the others.
const NAMES: &[&str] = &[
    "page_view",
    "page_view",
    "page_view",
    "page_view",
    "view_item",
    "view_item",
    "view_item",
    "view_item",
    "view_item",
    "add_to_cart",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "purchase",
    "view_promotion",
    "identify",
    "login",
    "compared_sizes",
];

const CATEGORIES: [&str; 4] = ["shoes", "bags", "hats", "belts"];
const SOURCES: [&str; 3] = ["mail", "ads", "partner"];

/// The next `n` events of a visitor from a time on; visits, pauses and campaigns in between, and now and then two
/// events at the same time.
pub(crate) fn history(dice: &mut Dice, visitor: &str, mut at: i64, n: usize) -> Vec<Value> {
    let mut events = Vec::with_capacity(n);
    for _ in 0..n {
        let pause = match dice.below(20) {
            0..=2 => 0,
            3..=15 => SECOND * (1 + dice.below(90) as i64),
            16 | 17 => MINUTE * (10 + dice.below(40) as i64),
            18 => 30 * MINUTE,
            _ => HOUR * (1 + dice.below(10) as i64),
        };
        at += pause;
        events.push(event(dice, visitor, at));
    }
    events
}

fn event(dice: &mut Dice, visitor: &str, at: i64) -> Value {
    let name = NAMES[dice.below(NAMES.len())];
    let mut event = json!({"id": dice.id(at), "name": name, "at": time::text(at), "visitor": visitor});
    match name {
        "page_view" => {
            let campaign =
                if dice.one_in(8) { format!("?utm_source={}", SOURCES[dice.below(3)]) } else { String::new() };
            event["page"] = json!({"url": format!("https://shop.example/p/{}{campaign}", dice.below(30))});
        }
        "identify" => event["props"] = json!({"plan": if dice.one_in(2) { "gold" } else { "silver" }}),
        "view_promotion" => {
            let arm = ["a", "b", "holdout"][dice.below(3)];
            event["props"] = json!({"promotion_id": "free-ship", "creative_slot": "hero", "creative_name": arm});
        }
        "login" | "compared_sizes" => {}
        _ => {
            let items: Vec<Value> = (0..=dice.below(3)).map(|_| item(dice)).collect();
            if name == "purchase" {
                event["transaction_id"] = json!(dice.id(at));
                if dice.one_in(2) {
                    event["value"] = json!(dice.below(50_000) as f64 / 100.0);
                    event["currency"] = json!("EUR");
                }
            }
            event["items"] = json!(items);
        }
    }
    event
}

/// An item; what is told of it is always the same.
fn item(dice: &mut Dice) -> Value {
    let number = dice.below(24);
    json!({
        "item_id": format!("sku{number}"),
        "item_name": format!("Thing {number}"),
        "item_category": CATEGORIES[number % 4],
        "price": (1_990 + 515 * number) as f64 / 100.0,
        "quantity": 1 + dice.below(3),
    })
}
