"""What the upstream of the benchmark answers: bodies in the form of 2025-09-18, the same in every run.

No list is empty but `additional_schedules`, which no legacy answer has: Lua's cjson cannot tell an empty list from an
empty object, and a peer is not to fail over what its authors would have found out in their second week.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

# Between entries there is one space in what upstream sends nowhere: like Go's encoder, and unlike Python's.
COMPACT = (",", ":")

MODEL = "0000000a-0000-4000-8000-000000000001"
BULK_SYNC = "0000000d-0000-4000-8000-000000000001"

PLAIN_BYTES = 1024
LIST_ITEMS = 50

ACTOR = {"id": "00000003-0000-4000-8000-000000000001", "name": "ada@acme.example", "type": "user"}


def text(value: Json) -> bytes:
    return json.dumps(value, separators=COMPACT).encode()


def identified(kind: str, number: int) -> str:
    return f"{kind:0>8}-0000-4000-8000-{number:012d}"


def stamped(value: Json) -> Json:
    made = {"created_at": "2025-10-01T00:05:24Z", "created_by": ACTOR}
    return {**value, **made, "updated_at": "2025-10-02T10:15:24Z", "updated_by": ACTOR}


def model() -> bytes:
    """A model of 1 KB; no rule names the operation that reads it."""
    fields = [{"id": f"field_{n:02d}", "name": f"Field {n:02d}", "type": "string"} for n in range(6)]
    data = {
        "id": MODEL,
        "organization_id": identified("2", 1),
        "name": "Customers by plan",
        "type": "postgresql",
        "connection_id": identified("7", 1),
        "configuration": {"query": ""},
        "fields": fields,
        "identifier": "field_00",
        "labels": ["billing"],
        "policies": [identified("9", 1)],
        "version": 3,
    }
    data = stamped(data)
    missing = PLAIN_BYTES - len(text({"data": data}))
    data["configuration"] = {"query": "select * from customers where plan is not null ".ljust(missing, "-")[:missing]}
    return text({"data": data})


def schedule(number: int, timing: Json, **selection: str) -> Json:
    return stamped({"id": identified("f", number), **timing, **selection})


DAILY = {"frequency": "daily", "hour": "5", "minute": "0"}
HOURLY = {"frequency": "hourly", "minute": "15"}


def bulk_sync(number: int) -> Json:
    """One item of a list: some 1.3 KB, every third one with schedules that legacy calls `multi`."""
    first = number * 10
    additional = [schedule(first + 1, HOURLY, selective_mode="incrementalFields")] if number % 3 == 1 else []
    return stamped({
        "id": identified("d", number),
        "name": f"Bulk sync {number:05d}",
        "active": number % 4 != 0,
        "mode": "append" if number % 4 == 0 else "replicate",
        "source_connection_id": identified("7", 1),
        "destination_connection_id": identified("7", 2),
        "source_configuration": {"replication_slot": "polytomic"},
        "destination_configuration": {"schema": f"bulk_{number}", "advanced": {"batch": 500}},
        "disable_record_timestamps": False,
        "normalize_names": "enabled",
        "policies": [identified("9", 1)],
        "automatically_add_new_objects": "all",
        "automatically_add_new_fields": "none",
        "default_schedule": schedule(first, DAILY),
        "additional_schedules": additional,
    })


def one_bulk_sync() -> bytes:
    """What GET of one and POST are answered with: a default that never fires and two others."""
    continuous, rest = {"frequency": "continuous"}, "nonincrementalFields"
    return text({"data": {
        **bulk_sync(1),
        "default_schedule": schedule(1, {"frequency": "manual"}),
        "additional_schedules": [
            schedule(2, continuous, selective_mode="incrementalFields"),
            schedule(3, DAILY, selective_mode=rest),
        ],
    }})


def legacy_bulk_sync() -> bytes:
    """What a legacy client POSTs: the schedules of `one_bulk_sync`."""
    items = [
        {"item": "incrementalFields", "schedule": {"frequency": "continuous"}},
        {"item": "nonincrementalFields", "schedule": DAILY},
    ]
    return text({
        "name": "Bulk sync 00001",
        "active": True,
        "mode": "replicate",
        "source_connection_id": identified("7", 1),
        "destination_connection_id": identified("7", 2),
        "source_configuration": {"replication_slot": "polytomic"},
        "destination_configuration": {"schema": "bulk_1", "advanced": {"batch": 500}},
        "normalize_names": "enabled",
        "policies": [identified("9", 1)],
        "discover": True,
        "schedule": {"frequency": "multi", "multi": {"type": "incremental", "schedules": items}},
        "schemas": [{"id": "public.users", "enabled": True}, {"id": "public.orders", "enabled": True}],
    })


def bulk_sync_pages(count: int) -> list[bytes]:
    """The pages of a list; page N is asked for by the token `N`, the first without a token."""
    pages = []
    last = -(-count // LIST_ITEMS)
    for page in range(1, last + 1):
        begin = (page - 1) * LIST_ITEMS + 1
        items = [bulk_sync(number) for number in range(begin, min(begin + LIST_ITEMS, count + 1))]
        following = {"pagination": {"next_page_token": str(page + 1)}} if page < last else {}
        pages.append(text({"data": items, **following}))
    return pages


def model_sync(number: int) -> Json:
    """A model sync as a read of it shows it, of 1.7 KB."""
    source = {"model_id": MODEL, "field": "email"}
    whole = {
        **light_model_sync(number),
        "fields": [
            {"source": {"model_id": MODEL, "field": f"field_{n:02d}"}, "target": f"Field_{n:02d}__c", "new": False}
            for n in range(7)
        ],
        "policies": [identified("9", 1)],
        "target": {"connection_id": identified("7", 3), "object": "Account"},
        "identity": {"source": source, "target": "Email", "function": "Equality", "new_field": False},
        "identities": {"mappings": [{"source": source, "target": "Email", "function": "Equality", "new_field": False}]},
    }
    del whole["target_connection_id"], whole["target_object"]
    return whole


def light_model_sync(number: int) -> Json:
    """A model sync as upstream's list shows it."""
    return stamped({
        "id": identified("b", number),
        "organization_id": identified("2", 1),
        "name": f"Sync {number:05d}",
        "active": True,
        "mode": "create",
        "schedule": HOURLY,
        "model_ids": [MODEL],
        "sync_all_records": False,
        "only_enrich_updates": False,
        "skip_initial_backfill": False,
        "target_connection_id": identified("7", 3),
        "target_object": "Account",
    })


def model_syncs(count: int) -> list[tuple[str, str, bytes]]:
    """Path, page token and answer of each call that reads a list of model syncs and every one in it."""
    answers = []
    last = -(-count // LIST_ITEMS)
    for page in range(1, last + 1):
        begin = (page - 1) * LIST_ITEMS + 1
        items = [light_model_sync(number) for number in range(begin, min(begin + LIST_ITEMS, count + 1))]
        following = {"pagination": {"next_page_token": str(page + 1)}} if page < last else {}
        answers.append(("/api/syncs", "" if page == 1 else str(page), text({"data": items, **following})))
    for number in range(1, count + 1):
        answers.append((f"/api/syncs/{identified('b', number)}", "", text({"data": model_sync(number)})))
    return answers
