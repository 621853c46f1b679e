globalThis.shop = {
  track: (name, data) => umami.track(name, data),
  view: () => umami.track(),
};
ran();
