// Mounts the widgets of a built page from the states in it: no kernel, network or require.js. It stands beside the
// first widget, which need not wait for the rest of the page.
// A classic script, so that it works from file:// too. What a widget's script is, tools/shared_widgets.py says.
(function () {
  "use strict";
  // What a widget may ask of a model, as Backbone has it: several events are one text, "change:a change:b".
  function makeModel(state, key) {
    const data = { ...state, _page: { key, settings: state } };
    const handlers = {};
    const events = (names) => (names ? names.split(/\s+/).filter(Boolean) : Object.keys(handlers));
    const fire = (name, ...given) => (handlers[name] || []).slice().forEach((handler) => handler(...given));
    const model = {
      get: (name) => data[name],
      set(name, value) {
        if (data[name] === value) return;
        data[name] = value;
        fire(`change:${name}`, model, value);
        fire("change", model);
      },
      save_changes() {}, // there is no kernel to save to
      send() {},
      on(names, handler) {
        for (const name of events(names)) (handlers[name] ??= []).push(handler);
      },
      off(names, handler) {
        for (const name of events(names)) {
          handlers[name] = handler ? (handlers[name] || []).filter((other) => other !== handler) : [];
        }
      },
      widget_manager: { get_model: () => Promise.reject(new Error("there is no kernel")) },
    };
    return model;
  }

  // The key of a widget's settings in the page's address: the second of two alike has a number behind it.
  function keyOf(state, taken) {
    const key = state.about?.key;
    const count = (taken.get(key) || 0) + 1;
    taken.set(key, count);
    return count === 1 ? key : `${key}-${count}`;
  }

  const modules = new Map();
  function load(name) {
    if (!modules.has(name)) modules.set(name, imported(name));
    return modules.get(name);
  }

  async function imported(name) {
    const text = await handedOn(name);
    return import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  }

  async function handedOn(name) {
    if (!globalThis.InceptionScripts?.[name]) await fetched(`_static/widgets/${name}.js`);
    return globalThis.InceptionScripts[name];
  }

  function fetched(address) {
    return new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = document.documentElement.dataset.content_root + address;
      script.onload = done;
      script.onerror = () => fail(new Error(`its script, ${address}, is not beside this page.`));
      document.head.append(script);
    });
  }

  const models = new Map(), taken = new Map();
  async function mount(tag, states) {
    const id = JSON.parse(tag.textContent).model_id;
    const record = states[id];
    const el = document.createElement("div");
    tag.before(el);
    if (!record) {
      el.textContent = "This control needs Python: open the notebook in Jupyter to use it.";
      return;
    }
    try {
      const { _esm, _state } = record.state; // a late one's state is a file, too
      const [module, state] = await Promise.all([load(_esm), _state ? handedOn(_state) : record.state]);
      if (!models.has(id)) models.set(id, makeModel(state, keyOf(state, taken)));
      await module.default.render({ model: models.get(id), el });
      performance.mark("widget"); // for whoever measures when the first is there
    } catch (error) {
      el.setAttribute("role", "alert");
      el.textContent = `This interactive part could not start: ${error.message}`;
      console.error(error);
    }
  }

  const begun = new Set();
  async function mountAll() {
    const all = (kind) =>
      document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`);
    const states = Object.assign({}, ...[...all("state")].map((tag) => JSON.parse(tag.textContent).state));
    // those that say so are mounted when they come into view
    const seen = new IntersectionObserver((entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        seen.unobserve(target);
        mount(target.querySelector("script"), states);
      }
    }, { rootMargin: "200px" });
    for (const tag of all("view")) {
      if (begun.has(tag)) continue;
      begun.add(tag);
      if ("late" in tag.dataset) seen.observe(tag.parentElement);
      else await mount(tag, states);
    }
  }

  async function mountRest() {
    await first;
    await mountAll();
    document.documentElement.dataset.widgetsReady = "1";
    dispatchEvent(new Event("widgetsready")); // what may wait for the widgets starts now
  }

  const first = mountAll();
  if (document.readyState === "loading") {
    document.addEventListener("readystatechange", mountRest, { once: true });
  } else mountRest();
})();
