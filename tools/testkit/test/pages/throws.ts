// A page that fails while it starts.
throw new Error("this page fails on purpose");
