mod access;
mod bulk_syncs;
mod every_operation;
mod model_syncs;
mod support;
mod upstream_lists;
