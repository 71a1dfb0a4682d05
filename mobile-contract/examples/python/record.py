"""A request as the app shows it."""
FIELDS = ("title", "amount", "categoryId", "reasonId", "departmentId", "region", "neededBy", "justification")


def blank(record):
    return {"id": record, "status": "draft", "stamps": {}, "justificationHeads": [], **dict.fromkeys(FIELDS)}


def overlay(body, item):
    """The record as it is once an edit of one's own is taken."""
    for name, value in item["fields"].items():
        if name == "justification":
            value = value["text"] if isinstance(value, dict) else value
            body["justificationHeads"] = [item["hlc"]]
        elif item["hlc"] < body["stamps"].get(name, ""):
            continue
        body[name], body["stamps"][name] = value, item["hlc"]
    return body
