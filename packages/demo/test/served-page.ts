// Which built page a `serve` of the tests gives: the one that was built for them, where its folder is set.

export const builtPage: { folder: string | undefined } = { folder: undefined };
