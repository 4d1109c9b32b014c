mod access;
mod bulk_syncs;
mod every_operation;
mod legacy_bulk_syncs;
mod model_syncs;
mod support;
mod upstream_lists;
