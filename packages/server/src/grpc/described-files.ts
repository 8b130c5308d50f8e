// Descriptors of .proto files as protoc writes them: protobufjs names the entry of a map after its field ("Parameters", where the specification says
// "ParametersEntry"), and every reader but its own refuses such a file.

import type { PackageDefinition } from "@grpc/proto-loader";
import descriptor from "protobufjs/ext/descriptor/index.js";

type MessageDescriptor = NonNullable<descriptor.IFileDescriptorProto["messageType"]>[number];

/** The same definition, its files so that other readers take them. */
export function described(definition: PackageDefinition): PackageDefinition {
  const known = new Map<string, Buffer>();
  const corrected = (file: Buffer) => {
    const text = file.toString("latin1");
    const bytes = known.get(text) ?? correctedFile(file);
    known.set(text, bytes);
    return bytes;
  };
  return Object.fromEntries(
    Object.entries(definition).map(([name, part]) => [
      name,
      Array.isArray(part["fileDescriptorProtos"]) ? { ...part, fileDescriptorProtos: part["fileDescriptorProtos"].map(corrected) } : part,
    ]),
  ) as PackageDefinition;
}

function correctedFile(bytes: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(bytes) as descriptor.IFileDescriptorProto;
  for (const message of file.messageType ?? []) nameEntries(message);
  return Buffer.from(descriptor.FileDescriptorProto.encode(descriptor.FileDescriptorProto.create(file)).finish());
}

/** Names the entries of a message's maps, and of those within it. */
function nameEntries(message: MessageDescriptor): void {
  for (const nested of message.nestedType ?? []) {
    nameEntries(nested);
    const { name = "" } = nested;
    if (nested.options?.mapEntry !== true || name.endsWith("Entry")) continue;
    nested.name = `${name.replace(/_(.?)/g, (_, letter: string) => letter.toUpperCase())}Entry`;
    for (const field of message.field ?? []) if (field.typeName === name) field.typeName = nested.name;
  }
}
