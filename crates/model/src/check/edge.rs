//! An edge that contradicts itself.

use super::{Context, Rule, path};
use crate::app::Issuer;
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P219",
    title: "an edge that contradicts itself",
    explain: "Two listeners on one port, a redirect to HTTPS where there is none, a certificate authority that nobody \
              can be reached by, a cross-origin rule that lets plain HTTP read what HTTPS protects.",
    check,
};

fn check(context: &mut Context<'_>) {
    listeners(context);
    tls(context);
    let app = context.app;
    for (name, route) in &app.routes {
        for (index, origin) in route
            .cors
            .iter()
            .flat_map(|cors| cors.origins.iter().enumerate())
        {
            let is_local = origin.as_str().starts_with("http://localhost")
                || origin.as_str().starts_with("http://127.");
            if origin.as_str().starts_with("http://") && !is_local && app.edge.https != 0 {
                let at = format!("{}[{index}]", path(&["route", name, "cors", "origins"]));
                let secure = origin.as_str().replacen("http://", "https://", 1);
                let draft = Draft::warning(
                    RULE.code,
                    &at,
                    format!("anybody on the way can speak as `{origin}`"),
                );
                context.say(draft.replace("name the origin over TLS", format!("\"{secure}\"")));
            }
        }
    }
}

fn listeners(context: &mut Context<'_>) {
    let edge = &context.app.edge;
    if edge.http == edge.https {
        let draft = Draft::error(
            RULE.code,
            "edge.https",
            format!("HTTP and HTTPS both listen at port {}", edge.https),
        );
        context.say(
            draft
                .also("edge.http", "here too")
                .help("give each its own port"),
        );
    }
    if edge.https == 0 && context.is_given("edge.tls.redirect") && edge.tls.redirect {
        let draft = Draft::error(
            RULE.code,
            "edge.tls.redirect",
            "a redirect to HTTPS, and no HTTPS",
        );
        context.say(
            draft
                .also("edge.https", "switched off here")
                .help("give `edge.https` a port, or set `redirect = false`"),
        );
    }
    if edge.https == 0 && context.is_given("edge.headers.hsts") && edge.headers.hsts.0 > 0 {
        let draft = Draft::warning(
            RULE.code,
            "edge.headers.hsts",
            "browsers heed this header over TLS only, and there is none",
        );
        context.say(
            draft
                .also("edge.https", "switched off here")
                .help("give `edge.https` a port, or set `hsts = \"0s\"`"),
        );
    }
}

fn tls(context: &mut Context<'_>) {
    let app = context.app;
    let tls = &app.edge.tls;
    match tls.issuer {
        Issuer::Acme => {
            let named = app.routes.values().any(|route| !route.hosts.is_empty());
            if !named && !app.routes.is_empty() {
                let draft = Draft::error(
                    RULE.code,
                    "edge.tls.issuer",
                    "an ACME authority certifies host names, and no route has one",
                );
                context.say(draft.help(
                    "add `hosts = [\"app.example.com\"]` to a route, or use `issuer = \"local\"`",
                ));
            }
            if tls.email.is_none() {
                let draft = Draft::warning(
                    RULE.code,
                    "edge.tls.issuer",
                    "the authority has no address to write to when a certificate is about to expire",
                );
                context.say(draft.help(format!(
                    "add `email = \"{}\"` to `edge.tls`",
                    app.about.owner
                )));
            }
        }
        Issuer::Files if tls.secret.is_none() => {
            let draft = Draft::error(
                RULE.code,
                "edge.tls.issuer",
                "certificates come from files, and nothing says which",
            );
            context
                .say(draft.help("name the secret with chain and key: `secret = \"certificate\"`"));
        }
        Issuer::Files | Issuer::Local => {}
    }
}
