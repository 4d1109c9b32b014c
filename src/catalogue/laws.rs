//! Which test proves which law of which lens.
//!
//! Two laws are tried on every lens of every rule at once, by tests beside this file. The others
//! need resources made for the lens, and are listed here; a test checks that each test named
//! exists and is about the lens, another that every lens of a rule has a row.

/// The laws of one lens beyond those that every lens is tried by.
#[derive(Debug)]
pub struct Laws {
    /// The lens, by the name that rule files use.
    pub lens: &'static str,
    /// Law, file and test. Empty for a lens that only ever looks at answers: what it does cannot
    /// come back.
    pub proven: &'static [(&'static str, &'static str, &'static str)],
}

/// The laws that every lens is tried by.
pub const OF_EVERY_LENS: [&str; 2] = ["untouched", "no panic"];

const GET_PUT: &str = "GetPut";
const PUT_GET: &str = "PutGet";
const LENS_LAWS: &str = "src/lens/laws.rs";
const OWN: &str = "src/catalogue/tests/laws.rs";

/// Every lens.
pub const LAWS: &[Laws] = &[
    Laws { lens: "alias", proven: &[(PUT_GET, OWN, "alias_put_get")] },
    Laws {
        lens: "bulk_discover",
        proven: &[
            (GET_PUT, LENS_LAWS, "bulk_discover_get_put"),
            (PUT_GET, LENS_LAWS, "bulk_discover_get_put"),
        ],
    },
    Laws { lens: "bulk_resync", proven: &[(GET_PUT, OWN, "bulk_resync_get_put")] },
    Laws {
        lens: "bulk_schedule",
        proven: &[
            (GET_PUT, LENS_LAWS, "bulk_schedule_get_put"),
            (PUT_GET, LENS_LAWS, "bulk_schedule_put_get"),
        ],
    },
    Laws { lens: "bulk_schemas", proven: &[(GET_PUT, OWN, "bulk_schemas_get_put")] },
    Laws { lens: "fixed", proven: &[(GET_PUT, OWN, "fixed_get_put")] },
    Laws {
        lens: "hidden_value",
        proven: &[
            (GET_PUT, LENS_LAWS, "hidden_value_laws"),
            (PUT_GET, LENS_LAWS, "hidden_value_laws"),
        ],
    },
    Laws { lens: "keep", proven: &[(GET_PUT, LENS_LAWS, "declared_laws")] },
    Laws { lens: "leave_out", proven: &[] },
    Laws { lens: "read_only", proven: &[] },
    Laws { lens: "model_sync_fields", proven: &[(GET_PUT, OWN, "model_sync_fields_get_put")] },
    Laws { lens: "model_sync_view", proven: &[(GET_PUT, OWN, "model_sync_view_get_put")] },
    Laws {
        lens: "organization_sign_on",
        proven: &[(GET_PUT, OWN, "organization_sign_on_get_put")],
    },
    Laws {
        lens: "rename",
        proven: &[(GET_PUT, LENS_LAWS, "declared_laws"), (PUT_GET, LENS_LAWS, "declared_laws")],
    },
    Laws {
        lens: "webhook_endpoint",
        proven: &[
            (GET_PUT, OWN, "webhook_endpoint_get_put"),
            (PUT_GET, OWN, "webhook_endpoint_put_get"),
        ],
    },
    Laws { lens: "wrap", proven: &[(GET_PUT, LENS_LAWS, "declared_laws")] },
];

/// The names of the laws proven for a lens.
pub(super) fn of(lens: &str) -> Vec<&'static str> {
    let own = LAWS.iter().find(|laws| laws.lens == lens);
    let own = own.into_iter().flat_map(|laws| laws.proven).map(|(law, ..)| *law);
    own.chain(OF_EVERY_LENS).collect()
}
