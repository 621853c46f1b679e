/**
 * The engine as a worker, to be served as a file of the page's own origin and named in `workerUrl`. To import it
 * elsewhere does nothing.
 */
export {};
