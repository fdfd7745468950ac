<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">
<qgis version="3.22" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1">
      <colorPalette>
        <paletteEntry value="0" color="#b5484b" label="building" alpha="255" />
        <paletteEntry value="1" color="#d9c8a0" label="land" alpha="255" />
        <paletteEntry value="2" color="#4a4a4a" label="road" alpha="255" />
        <paletteEntry value="3" color="#5a9e4b" label="vegetation" alpha="255" />
        <paletteEntry value="4" color="#3b7dd8" label="water" alpha="255" />
      </colorPalette>
    </rasterrenderer>
  </pipe>
</qgis>
