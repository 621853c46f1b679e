//! The channel that a session came by, with the names of GA4's default channel grouping: by source and medium of its
//! campaign, else by the host of its referrer.

use engine::session::Session;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Search,
    Social,
    Video,
    Shopping,
    Email,
}

/// Hosts, each with all below it; they stand above the brands, since mail of a search engine is mail.
const HOSTS: &[(&str, Kind)] = &[
    ("mail.google.com", Kind::Email),
    ("com.google.android.gm", Kind::Email),
    ("outlook.live.com", Kind::Email),
    ("outlook.office.com", Kind::Email),
    ("outlook.office365.com", Kind::Email),
    ("com.microsoft.office.outlook", Kind::Email),
    ("mail.yahoo.com", Kind::Email),
    ("mail.qq.com", Kind::Email),
    ("mail.163.com", Kind::Email),
    ("mail.126.com", Kind::Email),
    ("mail.proton.me", Kind::Email),
    ("deref-gmx.net", Kind::Email),
    ("deref-web.de", Kind::Email),
    ("youtu.be", Kind::Video),
    ("v.qq.com", Kind::Video),
    ("t.co", Kind::Social),
    ("x.com", Kind::Social),
    ("fb.com", Kind::Social),
    ("fb.me", Kind::Social),
    ("lnkd.in", Kind::Social),
    ("t.me", Kind::Social),
    ("t.cn", Kind::Social),
    ("line.me", Kind::Social),
    ("vk.com", Kind::Social),
    ("ok.ru", Kind::Social),
    ("bsky.app", Kind::Social),
    ("weixin.qq.com", Kind::Social),
    ("com.tencent.mm", Kind::Social),
    ("qzone.qq.com", Kind::Social),
    ("org.telegram.messenger", Kind::Social),
    ("jd.com", Kind::Shopping),
    ("so.com", Kind::Search),
    ("sm.cn", Kind::Search),
    ("search.brave.com", Kind::Search),
    ("ask.com", Kind::Search),
    ("aol.com", Kind::Search),
];

/// Names that stand as a part of a host (`google.co.uk`, `com.google.android.googlequicksearchbox`), or alone as what a
/// campaign calls its source.
const BRANDS: &[(&str, Kind)] = &[
    ("google", Kind::Search),
    ("bing", Kind::Search),
    ("yahoo", Kind::Search),
    ("baidu", Kind::Search),
    ("duckduckgo", Kind::Search),
    ("yandex", Kind::Search),
    ("ya", Kind::Search),
    ("sogou", Kind::Search),
    ("360", Kind::Search),
    ("ecosia", Kind::Search),
    ("qwant", Kind::Search),
    ("startpage", Kind::Search),
    ("naver", Kind::Search),
    ("daum", Kind::Search),
    ("seznam", Kind::Search),
    ("kagi", Kind::Search),
    ("petalsearch", Kind::Search),
    ("shenma", Kind::Search),
    ("facebook", Kind::Social),
    ("fb", Kind::Social),
    ("ig", Kind::Social),
    ("instagram", Kind::Social),
    ("threads", Kind::Social),
    ("twitter", Kind::Social),
    ("linkedin", Kind::Social),
    ("xing", Kind::Social),
    ("pinterest", Kind::Social),
    ("reddit", Kind::Social),
    ("tiktok", Kind::Social),
    ("douyin", Kind::Social),
    ("weibo", Kind::Social),
    ("wechat", Kind::Social),
    ("weixin", Kind::Social),
    ("xiaohongshu", Kind::Social),
    ("zhihu", Kind::Social),
    ("douban", Kind::Social),
    ("snapchat", Kind::Social),
    ("whatsapp", Kind::Social),
    ("telegram", Kind::Social),
    ("quora", Kind::Social),
    ("tumblr", Kind::Social),
    ("discord", Kind::Social),
    ("mastodon", Kind::Social),
    ("bluesky", Kind::Social),
    ("youtube", Kind::Video),
    ("vimeo", Kind::Video),
    ("dailymotion", Kind::Video),
    ("twitch", Kind::Video),
    ("bilibili", Kind::Video),
    ("youku", Kind::Video),
    ("iqiyi", Kind::Video),
    ("kuaishou", Kind::Video),
    ("amazon", Kind::Shopping),
    ("ebay", Kind::Shopping),
    ("etsy", Kind::Shopping),
    ("walmart", Kind::Shopping),
    ("aliexpress", Kind::Shopping),
    ("alibaba", Kind::Shopping),
    ("taobao", Kind::Shopping),
    ("tmall", Kind::Shopping),
    ("jingdong", Kind::Shopping),
    ("pinduoduo", Kind::Shopping),
    ("rakuten", Kind::Shopping),
    ("mercadolibre", Kind::Shopping),
    ("zalando", Kind::Shopping),
    ("otto", Kind::Shopping),
    ("idealo", Kind::Shopping),
];

/// The channel of a session.
pub(crate) fn of(session: &Session) -> &'static str {
    let referrer = session.referrer.as_deref();
    let Some(campaign) = &session.campaign else {
        return match referrer {
            None => "direct",
            Some(host) => organic(kind(host)).unwrap_or("referral"),
        };
    };
    let lower = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    let (source, medium, name) = (lower(&campaign.source), lower(&campaign.medium), lower(&campaign.name));
    let kind = kind(&source).or_else(|| kind(referrer.filter(|_| source.is_empty())?));
    let shop = kind == Some(Kind::Shopping) || is_shopping(&name);
    let is_email = |text: &str| matches!(text, "email" | "e-mail" | "e_mail" | "e mail");
    let paid = medium.contains("cp") && medium != "cpm" || medium.starts_with("paid");
    if name.contains("cross-network") {
        "cross_network"
    } else if paid || matches!(medium.as_str(), "ppc" | "retargeting") {
        match kind {
            _ if shop => "paid_shopping",
            Some(Kind::Search) => "paid_search",
            Some(Kind::Social) => "paid_social",
            Some(Kind::Video) => "paid_video",
            _ => "paid_other",
        }
    } else if matches!(medium.as_str(), "display" | "banner" | "expandable" | "interstitial" | "cpm") {
        "display"
    } else if is_email(&source) || is_email(&medium) {
        "email"
    } else if matches!(medium.as_str(), "affiliate" | "affiliates") {
        "affiliates"
    } else if medium == "audio" {
        "audio"
    } else if source == "sms" || medium == "sms" {
        "sms"
    } else if medium.ends_with("push") || medium.contains("mobile") || medium.contains("notification") {
        "push"
    } else if shop {
        "organic_shopping"
    } else if matches!(
        medium.as_str(),
        "social" | "social-network" | "social-media" | "sm" | "social network" | "social media"
    ) {
        "organic_social"
    } else if medium.contains("video") {
        "organic_video"
    } else if medium == "organic" {
        "organic_search"
    } else if let Some(channel) = organic(kind) {
        channel
    } else if matches!(medium.as_str(), "referral" | "app" | "link")
        || (medium.is_empty() && source.is_empty() && referrer.is_some())
    {
        "referral"
    } else if matches!(source.as_str(), "direct" | "(direct)")
        && matches!(medium.as_str(), "" | "none" | "(none)" | "(not set)")
    {
        "direct"
    } else {
        "unassigned"
    }
}

fn organic(kind: Option<Kind>) -> Option<&'static str> {
    Some(match kind? {
        Kind::Search => "organic_search",
        Kind::Social => "organic_social",
        Kind::Video => "organic_video",
        Kind::Shopping => "organic_shopping",
        Kind::Email => "email",
    })
}

/// What a host, or the source of a campaign, is known as.
fn kind(source: &str) -> Option<Kind> {
    let below = |host: &str| source.strip_suffix(host).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
    let host = HOSTS.iter().find(|(host, _)| below(host));
    let brand = || {
        // The last part of a host says where it is, not whose.
        let parts = source.rsplit_once('.').map_or(source, |(parts, _)| parts);
        parts.split('.').find_map(|part| BRANDS.iter().find(|(brand, _)| *brand == part))
    };
    host.or_else(brand).map(|(_, kind)| *kind)
}

/// GA4's `^(.*(([^a-df-z]|^)shop|shopping).*)$`: `shop` at the beginning of a word, or `shopping`; an `e` may stand
/// before it, as in `eshop`.
fn is_shopping(name: &str) -> bool {
    name.contains("shopping")
        || name
            .match_indices("shop")
            .any(|(at, _)| !name[..at].ends_with(|before: char| before.is_ascii_lowercase() && before != 'e'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::session::Campaign;

    /// The query of the first page, the host of its referrer, and the channel.
    const SESSIONS: &[(&str, &str, &str)] = &[
        ("", "", "direct"),
        ("", "google.com", "organic_search"),
        ("", "google.co.uk", "organic_search"),
        ("", "com.google.android.googlequicksearchbox", "organic_search"),
        ("", "m.baidu.com", "organic_search"),
        ("", "so.com", "organic_search"),
        ("", "duckduckgo.com", "organic_search"),
        ("", "l.facebook.com", "organic_social"),
        ("", "t.co", "organic_social"),
        ("", "mp.weixin.qq.com", "organic_social"),
        ("", "out.reddit.com", "organic_social"),
        ("", "youtube.com", "organic_video"),
        ("", "bilibili.com", "organic_video"),
        ("", "s.taobao.com", "organic_shopping"),
        ("", "amazon.de", "organic_shopping"),
        ("", "mail.google.com", "email"),
        ("", "com.google.android.gm", "email"),
        ("", "blog.example", "referral"),
        ("", "notgoogle.example", "referral"),
        ("", "at.cob", "referral"),
        ("utm_source=newsletter&utm_medium=email", "", "email"),
        ("utm_source=newsletter&utm_medium=E-Mail", "mail.google.com", "email"),
        ("utm_source=google&utm_medium=cpc", "google.com", "paid_search"),
        ("gclid=x", "", "paid_search"),
        ("msclkid=x", "bing.com", "paid_search"),
        ("utm_source=facebook&utm_medium=paid_social", "", "paid_social"),
        ("utm_source=tiktok&utm_medium=cpc", "", "paid_social"),
        ("ttclid=x", "", "paid_social"),
        ("fbclid=x", "m.facebook.com", "organic_social"),
        ("utm_source=youtube&utm_medium=cpv", "", "paid_video"),
        ("utm_source=google&utm_medium=cpc&utm_campaign=shopping_de", "", "paid_shopping"),
        ("utm_source=google&utm_medium=cpc&utm_campaign=workshop", "", "paid_search"),
        ("utm_source=amazon&utm_medium=ppc", "", "paid_shopping"),
        ("utm_source=magazine&utm_medium=cpc", "", "paid_other"),
        ("utm_source=google&utm_medium=cpc&utm_campaign=cross-network", "", "cross_network"),
        ("utm_source=magazine&utm_medium=banner", "", "display"),
        ("utm_source=magazine&utm_medium=cpm", "", "display"),
        ("utm_source=partner&utm_medium=affiliate", "", "affiliates"),
        ("utm_source=spotify&utm_medium=audio", "", "audio"),
        ("utm_source=sms", "", "sms"),
        ("utm_source=app&utm_medium=web_push", "", "push"),
        ("utm_source=linkedin", "", "organic_social"),
        ("utm_source=someone&utm_medium=social", "", "organic_social"),
        ("utm_source=someone&utm_medium=video", "", "organic_video"),
        ("utm_source=someone&utm_medium=organic", "", "organic_search"),
        ("utm_source=partner.example&utm_medium=referral", "", "referral"),
        ("utm_campaign=fall", "google.com", "organic_search"),
        ("utm_campaign=fall", "blog.example", "referral"),
        ("utm_source=flyer&utm_medium=qr", "", "unassigned"),
    ];

    #[test]
    fn channels() {
        for (query, referrer, channel) in SESSIONS {
            let campaign = Campaign::of(&format!("https://shop.example/?{query}"));
            let referrer = Some((*referrer).to_owned()).filter(|host| !host.is_empty());
            let session = Session { campaign, referrer, ..Session::default() };
            assert_eq!(of(&session), *channel, "{query} {:?}", session.referrer);
        }
    }
}
