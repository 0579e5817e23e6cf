import { create } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

import type { TableField, TableNode, TablePackage } from "./tables.ts";
import type { TypeNames } from "./type-names.ts";

const scalars: Readonly<Record<string, Type>> = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  fixed64: Type.FIXED64,
  fixed32: Type.FIXED32,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  uint32: Type.UINT32,
  sfixed32: Type.SFIXED32,
  sfixed64: Type.SFIXED64,
  sint32: Type.SINT32,
  sint64: Type.SINT64,
};

/** The descriptor of one proto3 file that has all types of a package; imports follow from the types it mentions. */
export function fileDescriptor(packageName: string, types: TablePackage, names: TypeNames): FileDescriptorProto {
  const name = names.fileOfPackage(packageName);
  const file = create(FileDescriptorProtoSchema, { name, package: packageName, syntax: "proto3" });
  const resolve = (type: string, scope: string): Resolved => {
    const fullName = names.resolve(type, scope);
    const dependency = names.fileOfType(fullName);
    if (dependency !== name && !file.dependency.includes(dependency)) file.dependency.push(dependency);
    return { fullName, isEnum: names.isEnum(fullName) };
  };
  for (const [typeName, node] of types) {
    if (node.fields !== undefined)
      file.messageType.push(message(typeName, node, `${packageName}.${typeName}`, resolve));
    else if (node.values !== undefined) file.enumType.push(enumeration(typeName, node));
    else file.service.push(service(typeName, node, packageName, resolve));
  }
  file.dependency.sort();
  return file;
}

interface Resolved {
  readonly fullName: string;
  readonly isEnum: boolean;
}

type Resolve = (type: string, scope: string) => Resolved;

function message(name: string, node: TableNode, fullName: string, resolve: Resolve): DescriptorProto {
  const descriptor = create(DescriptorProtoSchema, { name });
  const realOneofs = Object.entries(node.oneofs ?? {}).filter(([, { oneof }]) => !isSynthetic(oneof, node));
  descriptor.oneofDecl.push(
    ...realOneofs.map(([oneof]) => ({ $typeName: "google.protobuf.OneofDescriptorProto", name: oneof }) as const),
  );
  for (const [childName, child] of Object.entries(node.nested ?? {})) {
    if (child.fields !== undefined)
      descriptor.nestedType.push(message(childName, child, `${fullName}.${childName}`, resolve));
    else descriptor.enumType.push(enumeration(childName, child));
  }
  for (const [fieldName, field] of Object.entries(node.fields ?? {})) {
    const proto = fieldDescriptor(fieldName, field, fullName, resolve);
    if (field.keyType !== undefined) {
      const entry = mapEntry(fieldName, field, fullName, resolve);
      descriptor.nestedType.push(entry);
      Object.assign(proto, { type: Type.MESSAGE, typeName: `.${fullName}.${entry.name}`, label: Label.REPEATED });
    }
    const oneof = realOneofs.findIndex(([, { oneof }]) => oneof.includes(fieldName));
    if (oneof >= 0) proto.oneofIndex = oneof;
    descriptor.field.push(proto);
  }
  addSyntheticOneofs(descriptor);
  for (const range of node.reserved ?? []) {
    if (typeof range === "string") descriptor.reservedName.push(range);
    // A table's range includes its end, a descriptor's does not (descriptor.proto, ReservedRange).
    else
      descriptor.reservedRange.push({
        $typeName: "google.protobuf.DescriptorProto.ReservedRange",
        start: range[0],
        end: range[1] + 1,
      });
  }
  return descriptor;
}

function isSynthetic(oneof: readonly string[], node: TableNode): boolean {
  return oneof.length === 1 && node.fields?.[oneof[0] ?? ""]?.options?.proto3_optional === true;
}

/** A proto3 optional field sits alone in a oneof named after it; these oneofs must follow all others. */
function addSyntheticOneofs(descriptor: DescriptorProto): void {
  for (const field of descriptor.field.filter((field) => field.proto3Optional)) {
    field.oneofIndex = descriptor.oneofDecl.length;
    descriptor.oneofDecl.push({ $typeName: "google.protobuf.OneofDescriptorProto", name: `_${field.name}` });
  }
}

function fieldDescriptor(name: string, field: TableField, scope: string, resolve: Resolve): FieldDescriptorProto {
  const descriptor = create(FieldDescriptorProtoSchema, {
    name,
    number: field.id,
    label: field.rule === "repeated" ? Label.REPEATED : Label.OPTIONAL,
    jsonName: jsonName(name),
  });
  if (field.options?.proto3_optional === true) descriptor.proto3Optional = true;
  if (field.options?.deprecated === true) {
    descriptor.options = create(FieldOptionsSchema, { deprecated: true });
  }
  if (field.keyType === undefined) setType(descriptor, field.type, scope, resolve);
  return descriptor;
}

function setType(descriptor: FieldDescriptorProto, type: string, scope: string, resolve: Resolve): void {
  const scalar = scalars[type];
  if (scalar !== undefined) {
    descriptor.type = scalar;
    return;
  }
  const { fullName, isEnum } = resolve(type, scope);
  descriptor.type = isEnum ? Type.ENUM : Type.MESSAGE;
  descriptor.typeName = `.${fullName}`;
}

function mapEntry(name: string, field: TableField, scope: string, resolve: Resolve): DescriptorProto {
  const key = fieldDescriptor("key", { type: field.keyType ?? "", id: 1 }, scope, resolve);
  const value = fieldDescriptor("value", { type: field.type, id: 2 }, scope, resolve);
  const pascal = jsonName(`_${name}`);
  return create(DescriptorProtoSchema, { name: `${pascal}Entry`, field: [key, value], options: { mapEntry: true } });
}

function enumeration(name: string, node: TableNode): EnumDescriptorProto {
  const value = Object.entries(node.values ?? {}).map(([name, number]) => ({ name, number }));
  return create(EnumDescriptorProtoSchema, { name, value });
}

function service(name: string, node: TableNode, scope: string, resolve: Resolve): ServiceDescriptorProto {
  const method = Object.entries(node.methods ?? {}).map(([name, method]) => ({
    name,
    inputType: `.${resolve(method.requestType, scope).fullName}`,
    outputType: `.${resolve(method.responseType, scope).fullName}`,
    ...(method.requestStream === true && { clientStreaming: true }),
    ...(method.responseStream === true && { serverStreaming: true }),
  }));
  return create(ServiceDescriptorProtoSchema, { name, method });
}

/** The JSON name of a field, by the rule of protoc: an underscore goes, the character after it is a capital. */
function jsonName(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_, next: string) => next.toUpperCase());
}
