"""Judges YAML files by published schemas.

kubernetes DIRECTORY VERSION FILE...  by those of kubernetes-validate, every document by its kind;
                                      values of a chart by the pod that they have
schema SCHEMA FILE...                 by one schema
"""

import json
import pathlib
import sys

import jsonschema
import yaml


def complaints(validator, path, document):
    for error in validator.iter_errors(document):
        where = "/".join(str(step) for step in error.absolute_path)
        yield f"{path}: {where}: {error.message}"


def validator(schema, store):
    resolver = jsonschema.RefResolver.from_schema(schema, store=store)
    return jsonschema.validators.validator_for(schema)(schema, resolver=resolver)


def kubernetes(directory, version, files):
    directory = directory / f"v{version}.0-local-strict"
    definitions = json.loads((directory / "_definitions.json").read_text())
    store = {"https://kubernetes.io/api/_definitions.json": definitions}
    for file in files:
        for document in yaml.safe_load_all(pathlib.Path(file).read_text()):
            if "template" in document:
                document = {"apiVersion": "v1", "kind": "Pod", **document["template"]}
            group, _, api = document["apiVersion"].rpartition("/")
            group = group.split(".")[0]
            name = "-".join(filter(None, [document["kind"].lower(), group, api]))
            schema = json.loads((directory / f"{name}.json").read_text())
            yield from complaints(validator(schema, store), file, document)


def single(schema, files):
    judge = validator(json.loads(schema.read_text()), {})
    for file in files:
        document = yaml.safe_load(pathlib.Path(file).read_text())
        # YAML 1.1 takes the key `on` of GitHub's workflows for a truth value.
        document = {"on" if key is True else key: value for key, value in document.items()}
        yield from complaints(judge, file, document)


def main():
    verb, place, *rest = sys.argv[1:]
    place = pathlib.Path(place)
    found = kubernetes(place, rest[0], rest[1:]) if verb == "kubernetes" else single(place, rest)
    found = list(found)
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
