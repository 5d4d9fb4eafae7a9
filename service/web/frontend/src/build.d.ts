// What the build puts in: minified style sheets as text, a mark of each lazy part's content, and the languages there are.

declare module "*.css" {
  const text: string;
  export default text;
}

declare const PARTS: Readonly<Record<"extras" | "highlight", string>>;
declare const LOCALES: readonly string[];
