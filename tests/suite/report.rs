//! The report of a run and the published schemas.

use std::path::Path;

use sluice::report::schema::Document;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `UPDATE=1 cargo test --release schemas` writes them anew.
#[test]
fn published_schemas_are_those_of_the_types() {
    for document in Document::ALL {
        let path = root().join(document.path());
        let made = serde_json::to_string_pretty(&document.schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept == made, "{} is out of date: UPDATE=1 cargo test --release schemas", document.path());
    }
}

#[test]
fn published_schemas_describe_every_field() {
    fn undescribed(place: &str, value: &serde_json::Value, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
            // A variant says itself what it means; its tag, or its only field, need not say it again.
            let variant = place.ends_with("oneOf") && value.get("description").is_some() && properties.len() == 1;
            for (name, field) in properties {
                let tag = variant || field.get("const").is_some();
                if field.get("description").is_none() && !tag {
                    missing.push(format!("{place}.{name}"));
                }
            }
        }
        match value {
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(k, v)| undescribed(&format!("{place}/{k}"), v, missing))
            }
            serde_json::Value::Array(items) => items.iter().for_each(|v| undescribed(place, v, missing)),
            _ => {}
        }
    }
    for document in Document::ALL {
        let mut missing = Vec::new();
        undescribed(document.name(), &document.schema(), &mut missing);
        assert!(missing.is_empty(), "{missing:#?}");
    }
}
