// The version that is released, in the deployment files: found where it is another, written in its place, other numbers left alone.
import { describe, expect, it } from "vitest";
import { withVersion } from "../deploy-versions.mjs";

const text = `apiVersion: v2
version: 0.1.0
appVersion: 0.1.0
kubeVersion: ">=1.29.0-0"
  - name: biovlm
    newTag: 0.1.0
          image: biovlm:0.1.0
        - image: biovlm:0.2.0-beta.1
    - { name: biovlm, version: "1", autoSelect: true }
          image: redis:7.4.1
`;

describe("the version of a release", () => {
  it("is found to be another wherever an image, a tag or the chart says one", () => {
    expect(withVersion(text, "0.2.0").other).toEqual([
      "version: 0.1.0",
      "appVersion: 0.1.0",
      "newTag: 0.1.0",
      "image: biovlm:0.1.0",
      "- image: biovlm:0.2.0-beta.1",
    ]);
  });

  it("is written there and nowhere else, and then nothing differs", () => {
    const written = withVersion(text, "0.2.0");
    expect(written.text.match(/0\.2\.0/g)).toHaveLength(5);
    expect(written.text).toContain('">=1.29.0-0"');
    expect(written.text).toContain("redis:7.4.1");
    expect(written.text).toContain('version: "1"');
    expect(withVersion(written.text, "0.2.0").other).toEqual([]);
  });
});
