import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ContainerSchema, ListContainersResponseSchema } from "@crib/wire/cri";

import { EncodedAnswer, encodedField } from "./encoded-answer.ts";

test("an answer of encoded elements is the same as one of messages, and each is encoded once", () => {
  let conversions = 0;
  const encode = encodedField(
    ListContainersResponseSchema.field.containers,
    ContainerSchema,
    ({ id }: { readonly id: string }) => {
      conversions++;
      return { id, labels: { a: id } };
    },
  );
  const records = [{ id: "one" }, { id: "two" }];
  const { bytes } = new EncodedAnswer(records.map(encode));
  const containers = records.map(({ id }) => ({ id, labels: { a: id } }));
  const expected = create(ListContainersResponseSchema, { containers });
  deepEqual(fromBinary(ListContainersResponseSchema, bytes), expected);
  deepEqual(bytes, Buffer.from(toBinary(ListContainersResponseSchema, expected)));
  deepEqual(new EncodedAnswer(records.map(encode)).bytes, bytes);
  equal(conversions, 2);
  // What replaces a record is another one.
  notEqual(encode({ id: "one" }), encode(records[0] as { readonly id: string }));
  equal(conversions, 3);
  equal(new EncodedAnswer([]).bytes.length, 0);
});
